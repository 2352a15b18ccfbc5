"""What the OpenAPI description says of the API, for `/docs` and `/openapi.json`."""

from __future__ import annotations

from typing import Any

from casebook.api.requests import CSV, JSON
from casebook.ctr import LONGEST_PRODUCT, MOST_INTERVALS

ABOUT = """\
Click-through rates of a storefront, from the warehouse that Casebook published last.

A build that is published while the server runs is served from the next request on. Every answer
names the build that it is from in the header `Casebook-Build`.
"""

CTR_ABOUT = f"""\
Purchases over product views, for each product on each platform in each interval that had a view or
a purchase; sorted by interval, platform and product. Intervals are counted from `startTimestamp`;
the end is not in the range, and the last interval may be shorter. There may be {MOST_INTERVALS:,}
intervals at most. A product that nobody knows has no rates: the answer is empty.

The answer is JSON, or CSV with `Accept: {CSV}`. Long answers are streamed.
"""

TIME_PATTERN = (
    "^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01]) ([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]$"
)
START, END, PRODUCT = "2016-01-03 13:55:00", "2016-01-04 13:55:00", "20013509_825"
ETAG = '"0cc175b9c0f1b6a831c399e269772661"'
BUILD_ID = "4ec5cdb7-51f3-495d-a394-436911958b1d"

TIME = {"type": "string", "pattern": TIME_PATTERN}
VALUES: dict[str, dict[str, Any]] = {
    "startTimestamp": {
        "schema": TIME,
        "description": "Start of the range and of its first interval, in GMT−03:00.",
        "example": START,
    },
    "endTimestamp": {
        "schema": TIME,
        "description": "End of the range, after its start, in GMT−03:00. It is not in the range.",
        "example": END,
    },
    "aggregation": {
        "schema": {"type": "integer", "minimum": 1},
        "description": "Length of an interval, in whole minutes.",
        "example": 60,
    },
    "product": {
        "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST_PRODUCT},
        "description": "The code of one product; all products without it.",
        "example": PRODUCT,
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
        "description": "The build that is served, as in audit.builds.",
        "schema": {"type": "string"},
        "example": BUILD_ID,
    }
}
ANSWER_HEADERS: dict[str, Any] = HEADERS | {
    "ETag": {
        "description": "Changes with the answer; send it back as If-None-Match.",
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

RATE = {
    "type": "object",
    "required": ["timestamp", "platform", "product", "CTR"],
    "additionalProperties": False,
    "properties": {
        "timestamp": {
            "type": "string",
            "pattern": TIME_PATTERN,
            "description": "Start of the interval, in GMT−03:00.",
        },
        "platform": {"type": "string"},
        "product": {"type": "string"},
        "CTR": {
            "type": ["number", "null"],
            "description": "Written with four decimals, rounded half up; null without views.",
        },
    },
}
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


def _error(text: str, example: dict[str, Any], **more: object) -> dict[str, Any]:
    content = {JSON: {"schema": _reference("Error"), "example": example}}
    return {"description": text, "content": content, **more}


ANSWER = {
    "description": "The click-through rates.",
    "headers": ANSWER_HEADERS,
    "content": {
        JSON: {
            "schema": {"type": "array", "items": _reference("ClickThroughRate")},
            "example": [
                {"timestamp": START, "platform": "MobileWeb", "product": PRODUCT, "CTR": 0.0151}
            ],
        },
        CSV: {
            "schema": {"type": "string"},
            "example": f"timestamp,platform,product,CTR\n{START},MobileWeb,{PRODUCT},0.0151\n",
        },
    },
}
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
    headers=HEADERS,
)
NOT_ACCEPTABLE = _error(
    "The client takes neither of the two formats.",
    {"error": f"the answer is {JSON} or {CSV}; the header Accept takes neither"},
)
UNAVAILABLE = _error(
    "Nothing that could answer is published yet, or there is not enough memory for this answer.",
    {"error": "warehouse.db: nothing is published yet", "fix": "run `casebook build`"},
)
TOO_LONG = _error("The body is too long.", {"error": "the body is longer than 65,536 bytes"})
NOT_JSON = _error(
    "The body is not sent as JSON.",
    {"error": f"the body is to be sent with Content-Type: {JSON}"},
)

CTR_GET: dict[str, Any] = {
    "summary": "Click-through rates by interval",
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
    "summary": "Click-through rates by interval, asked by a JSON object",
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
    "summary": "Which build is served",
    "operation_id": "get_health",
    "responses": {
        200: {
            "description": "A build is served.",
            "headers": ANSWER_HEADERS,
            "content": {
                JSON: {
                    "schema": _reference("Health"),
                    "example": {
                        "build_id": BUILD_ID,
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


def complete(described: dict[str, Any], platforms: tuple[str, ...] | None) -> dict[str, Any]:
    """The description with its schemas, and with the platforms that the published build knows."""
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
    return {
        **described,
        "paths": {
            **described["paths"],
            "/ctr": {**ctr, "get": {**ctr["get"], "parameters": parameters}},
        },
        "components": {
            "schemas": {
                "Question": question,
                "ClickThroughRate": RATE,
                "Health": HEALTH_BODY,
                "Error": ERROR,
            }
        },
    }
