"""What the OpenAPI description says of the API, for `/docs` and `/openapi.json`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from casebook.api.requests import CSV, JSON
from casebook.ask.ctr import COLUMNS, MINUTES, MOST_INTERVALS, PRODUCT, TIME
from casebook.ask.offers import BUILD_ID, LIMIT, MOST_ROWS, OFFSET, Offer, Parameter
from casebook.ask.query import Column

ABOUT = """\
Answers from the warehouse that Casebook published last: click-through rates, and rows of marts.

A build that is published while the server runs is served from the next request on. Every answer
names the build that it is from in the header `Casebook-Build`, and its `ETag` begins with the same.
"""

CTR_TITLE = "Click-through rates by interval"
CTR_ABOUT = f"""\
Purchases over product views, for each product on each platform in each interval that had a view or
a purchase; sorted by interval, platform and product. Intervals are counted from `startTimestamp`;
the end is not in the range, and the last interval may be shorter. There may be {MOST_INTERVALS:,}
intervals at most. A product that nobody knows has no rates: the answer is empty.

The answer is JSON, or CSV with `Accept: {CSV}`. Long answers are streamed.
"""
FORMATS_ABOUT = f"""\
The answer is JSON, or CSV with `Accept: {CSV}`; a row has the columns of the mart, and its numbers
are written as the warehouse has them. Long answers are streamed.
"""
PAGES_ABOUT = f"""\
Without `limit`, which may be {MOST_ROWS:,}, all rows are sent. With it the header `Link` leads to
the first, the previous and the next page. `Casebook-Total-Rows` counts the rows of all pages. Pages
neither overlap nor leave gaps as long as they are from the same build, which `build` sees to.
"""
PAGES = {
    "/health": "Which build is served",
    "/docs": "What can be asked, as a page",
    "/openapi.json": "What can be asked, as OpenAPI",
}

START, END, PRODUCT_CODE = "2016-01-03 13:55:00", "2016-01-04 13:55:00", "20013509_825"
BUILD = "4ec5cdb7-51f3-495d-a394-436911958b1d"
ETAG = f'"{BUILD}-0cc175b9c0f1b6a831c399e269772661"'

VALUES: dict[str, dict[str, Any]] = {
    "startTimestamp": {
        "schema": TIME.schema,
        "description": "Start of the range and of its first interval, in GMT−03:00.",
        "example": START,
    },
    "endTimestamp": {
        "schema": TIME.schema,
        "description": "End of the range, after its start, in GMT−03:00. It is not in the range.",
        "example": END,
    },
    "aggregation": {
        "schema": MINUTES.schema,
        "description": "Length of an interval, in whole minutes.",
        "example": 60,
    },
    "product": {
        "schema": PRODUCT.schema,
        "description": "The code of one product; all products without it.",
        "example": PRODUCT_CODE,
    },
    "platform": {
        "schema": {"type": "string"},
        "description": "One platform; all of them without it.",
        "example": "MobileWeb",
    },
}
REQUIRED = ("startTimestamp", "endTimestamp", "aggregation")

HEADERS: dict[str, Any] = {
    "Casebook-Build": {
        "description": "The build that answers, as in audit.builds; none before one is published.",
        "schema": {"type": "string"},
        "example": BUILD,
    }
}
ANSWER_HEADERS: dict[str, Any] = HEADERS | {
    "ETag": {
        "description": "The build and a hash of the question; send it back as If-None-Match.",
        "schema": {"type": "string"},
        "example": ETAG,
    }
}
IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "ETags of answers that the client has; 304 if this one is among them.",
    "schema": {"type": "string"},
}

PAGE_HEADERS: dict[str, Any] = {
    "Casebook-Total-Rows": {
        "description": "How many rows there are on all pages.",
        "schema": {"type": "integer"},
        "example": 964,
    },
    "Link": {
        "description": "Where the first, the previous and the next page are; only with `limit`.",
        "schema": {"type": "string"},
        "example": '</movies/genre-years?limit=100&offset=100>; rel="next"',
    },
}
PAGING: tuple[dict[str, Any], ...] = (
    {
        "name": "limit",
        "schema": LIMIT.schema,
        "description": "How many rows a page has; without it all rows are sent.",
        "example": 100,
    },
    {
        "name": "offset",
        "schema": OFFSET.schema,
        "description": "How many rows to pass over first.",
        "example": 0,
    },
    {
        "name": "build",
        "schema": BUILD_ID.schema,
        "description": "The id of the build that other pages are from; 409 if another is served.",
    },
)

ERROR = {
    "type": "object",
    "required": ["error"],
    "additionalProperties": False,
    "properties": {
        "error": {"type": "string", "description": "What is wrong, in one sentence."},
        "problems": {
            "type": "array",
            "description": "The parameters that it is about.",
            "items": {
                "type": "object",
                "required": ["parameter", "sent", "expected"],
                "additionalProperties": False,
                "properties": {
                    "parameter": {"type": "string"},
                    "sent": {"description": "The value that was sent; null if there was none."},
                    "expected": {"type": "string"},
                },
            },
        },
        "fix": {"type": "string", "description": "What to do about it."},
    },
}


def _reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _error(text: str, example: dict[str, Any]) -> dict[str, Any]:
    content = {JSON: {"schema": _reference("Error"), "example": example}}
    return {"description": text, "headers": HEADERS, "content": content}


def _rows(text: str, name: str, headers: dict[str, Any]) -> dict[str, Any]:
    return {
        "description": text,
        "headers": headers,
        "content": {
            JSON: {"schema": {"type": "array", "items": _reference(name)}},
            CSV: {"schema": {"type": "string"}},
        },
    }


ANSWER = _rows("The click-through rates.", "ClickThroughRate", ANSWER_HEADERS)
ANSWER["content"][JSON]["example"] = [
    {"timestamp": START, "platform": "MobileWeb", "product": PRODUCT_CODE, "CTR": 0.0151}
]
ANSWER["content"][CSV]["example"] = (
    f"timestamp,platform,product,CTR\n{START},MobileWeb,{PRODUCT_CODE},0.0151\n"
)
NOT_CHANGED = {"description": "The client has this answer already.", "headers": ANSWER_HEADERS}
BAD = _error(
    "Something is missing, malformed, unknown or sent twice.",
    {
        "error": "wrong or missing: aggregation",
        "problems": [
            {
                "parameter": "aggregation",
                "sent": "0",
                "expected": "a whole number of minutes, 1 or more",
            }
        ],
    },
)
NOT_ACCEPTABLE = _error(
    "The client takes neither of the two formats.",
    {"error": f"the answer is {JSON} or {CSV}; the header Accept takes neither"},
)
UNAVAILABLE = _error(
    "Nothing that could answer is published yet, or there is not enough memory for this answer.",
    {"error": "warehouse.db: nothing is published yet", "fix": "run `casebook build`"},
)
OTHER_BUILD = _error(
    "The page would be from another build than the one that was named.",
    {"error": "another build is published now, which Casebook-Build names"},
)
TOO_LONG = _error("The body is too long.", {"error": "the body is longer than 65,536 bytes"})
NOT_JSON = _error(
    "The body is not sent as JSON.",
    {"error": f"the body is to be sent with Content-Type: {JSON}"},
)

CTR_GET: dict[str, Any] = {
    "summary": CTR_TITLE,
    "description": CTR_ABOUT,
    "operation_id": "get_ctr",
    "responses": {
        200: ANSWER,
        304: NOT_CHANGED,
        400: BAD,
        406: NOT_ACCEPTABLE,
        503: UNAVAILABLE,
    },
    "openapi_extra": {
        "parameters": [
            *(
                {"name": name, "in": "query", "required": name in REQUIRED, **value}
                for name, value in VALUES.items()
            ),
            IF_NONE_MATCH,
        ]
    },
}
CTR_POST: dict[str, Any] = {
    "summary": f"{CTR_TITLE}, asked by a JSON object",
    "description": CTR_ABOUT,
    "operation_id": "post_ctr",
    "responses": {
        200: ANSWER,
        400: BAD,
        406: NOT_ACCEPTABLE,
        413: TOO_LONG,
        415: NOT_JSON,
        503: UNAVAILABLE,
    },
    "openapi_extra": {
        "requestBody": {
            "required": True,
            "content": {
                JSON: {
                    "schema": _reference("Question"),
                    "example": {name: value["example"] for name, value in VALUES.items()},
                }
            },
        }
    },
}
HEALTH: dict[str, Any] = {
    "summary": PAGES["/health"],
    "operation_id": "get_health",
    "responses": {
        200: {
            "description": "A build is served.",
            "headers": ANSWER_HEADERS,
            "content": {
                JSON: {
                    "schema": _reference("Health"),
                    "example": {
                        "build_id": BUILD,
                        "published_at": "2016-02-02T06:30:00Z",
                        "rows_per_mart": {"storefront.product_views": 47633},
                    },
                }
            },
        },
        304: NOT_CHANGED,
        503: UNAVAILABLE,
    },
    "openapi_extra": {"parameters": [IF_NONE_MATCH]},
}
HEALTH_BODY = {
    "type": "object",
    "required": ["build_id", "published_at", "rows_per_mart"],
    "properties": {
        "build_id": {"type": "string", "description": "As in audit.builds."},
        "published_at": {
            "type": "string",
            "format": "date-time",
            "description": "When it was published, in UTC.",
        },
        "rows_per_mart": {"type": "object", "additionalProperties": {"type": "integer"}},
    },
}


def index(offers: Sequence[Offer]) -> dict[str, str]:
    """The addresses that there are, and what each answers."""
    return {"/ctr": CTR_TITLE} | {offer.path: offer.title for offer in offers} | PAGES


def of_offer(offer: Offer) -> dict[str, Any]:
    """The description of an offer's address, without the columns, which a build has to say."""
    about = [f"{offer.row[0].upper()}{offer.row[1:]}. {offer.about}", FORMATS_ABOUT]
    headers, responses = ANSWER_HEADERS, {304: NOT_CHANGED, 400: BAD, 406: NOT_ACCEPTABLE}
    parameters = [_parameter(offer, one) for one in offer.parameters]
    if offer.is_paged:
        about.append(PAGES_ABOUT)
        headers = ANSWER_HEADERS | PAGE_HEADERS
        responses[409] = OTHER_BUILD
        parameters += [{"in": "query", "required": False, **one} for one in PAGING]
    answer = _rows(f"O{offer.row[1:]}.", row_name(offer), headers)
    return {
        "summary": offer.title,
        "description": "\n\n".join(about),
        "operation_id": f"get_{_slug(offer)}",
        "responses": {200: answer, **responses, 503: UNAVAILABLE},
        "openapi_extra": {"parameters": [*parameters, IF_NONE_MATCH]},
    }


def row_name(offer: Offer) -> str:
    """What the schema of an offer's rows is called."""
    return f"{_slug(offer).title().replace('_', '')}Row"


def _slug(offer: Offer) -> str:
    return "_".join(re.findall(r"\w+", offer.path))


def _parameter(offer: Offer, one: Parameter) -> dict[str, Any]:
    default = {} if one.default is None else {"default": json.loads(one.default)}
    return {
        "name": one.name,
        "in": "path" if offer.is_in_path(one) else "query",
        "required": offer.is_required(one),
        "schema": {**one.kind.schema, **default},
        "description": one.about,
        "example": one.example,
    }


def _row(columns: Sequence[Column] | None) -> dict[str, Any]:
    """The schema of a row; of some row, where no build that has the columns is published."""
    if columns is None:
        return {"type": "object", "description": "No build that has this mart is published."}
    return {
        "type": "object",
        "required": [column.name for column in columns],
        "additionalProperties": False,
        "properties": {column.name: _value(column) for column in columns},
    }


def _value(column: Column) -> dict[str, Any]:
    if column.is_literal:
        kinds = ("boolean", column.is_boolean), ("integer", column.is_whole_number)
        kind = next((name for name, is_it in kinds if is_it), "number")
    else:
        kind = "string"
    said = {"description": column.comment} if column.comment else {}
    return {"type": kind if column.is_required else [kind, "null"], **said}


def complete(
    described: dict[str, Any],
    platforms: Sequence[str] | None,
    columns: Mapping[Offer, Sequence[Column] | None],
) -> dict[str, Any]:
    """The description with its schemas, and with what the published build says of them.

    Args:
        described: what the routes say.
        platforms: those that have click-through rates; None where nobody knows.
        columns: the columns of each offer; None where nobody knows.
    """
    ctr = described["paths"]["/ctr"]
    parameters = ctr["get"]["parameters"]
    values = {name: {"description": value["description"]} for name, value in VALUES.items()}
    for name, value in VALUES.items():
        schema = value["schema"]
        values[name] |= schema if name in REQUIRED else {**schema, "type": ["string", "null"]}
    # A form sends numbers as texts.
    values["aggregation"]["type"] = ["integer", "string"]
    values["aggregation"]["pattern"] = "^[0-9]*[1-9][0-9]*$"
    if platforms:
        values["platform"]["enum"] = [*platforms, None]
        schema = {"type": "string", "enum": list(platforms)}
        parameters = [
            {**one, "schema": schema} if one["name"] == "platform" else one for one in parameters
        ]
    question = {
        "type": "object",
        "required": list(REQUIRED),
        "additionalProperties": False,
        "properties": values,
    }
    rate = _row(COLUMNS)
    rate["properties"]["timestamp"] |= TIME.schema
    return {
        **described,
        "paths": {
            **described["paths"],
            "/ctr": {**ctr, "get": {**ctr["get"], "parameters": parameters}},
        },
        "components": {
            "schemas": {
                "Question": question,
                "ClickThroughRate": rate,
                "Health": HEALTH_BODY,
                "Error": ERROR,
            }
            | {row_name(offer): _row(known) for offer, known in columns.items()}
        },
    }
