"""What the music store's files tell: stories of artists, their albums and tracks, and of customers.

Stories are told once, for scale 1; at scale N each is told N times, of N artists and customers, and
a scale that is no whole number leaves whole stories out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from itertools import accumulate, cycle, islice
from math import ceil
from random import Random

from casebook.sample.music_files import Value, Values

STORIES = 36
HABITS = 997  # a prime, so that habits and stories do not keep step

# Makes a value of the one that the record has otherwise.
Change = Callable[[Value], Value]


@dataclass(frozen=True)
class Told:
    """What is told once, in one record.

    Attributes:
        file: its place among the table's files; of tables that the database has, 0 is that.
        outcome: what becomes of it: `quarantined`, `rejected`, or which record more the accounting
            shows.
        detail: the reason, or what is odd about it.
        changes: values that differ from the thing's own.
        spoil: what makes it unreadable: `short` of two fields, cut in `half`, a `list`.
    """

    file: int = 0
    outcome: str = "kept"
    detail: str = ""
    changes: Mapping[str, Value | Change] = field(default_factory=dict)
    spoil: str = ""


def _rejected(file: int, reason: str, **changes: Value | Change) -> Told:
    return Told(file, "rejected", reason, changes)


def _unreadable(file: int, reason: str, spoil: str = "", **changes: Value | Change) -> Told:
    return Told(file, "quarantined", reason, changes, spoil)


def _blanks(text: Value) -> str:
    return f"  {text} "


def _one_more(number: Value) -> int:
    return int(number or 0) + 1


KEPT = (Told(),)
LATIN = "Jos\udce9 Ant\udcf4nio"  # bytes that are not UTF-8, as halves of surrogate pairs
DEARER = {"UnitPrice": 1.29}
OTHERS = {"Name": _blanks, "Composer": "Ângela Sá"}
NOWHERE = {"AlbumId": 990_001}

# What is told of every third track, turn by turn.
TRACKS: tuple[tuple[Told, ...], ...] = (
    (Told(0, "superseded"), Told(1, changes=DEARER)),
    (Told(0, "duplicate"), Told(2, detail="delivered_again")),
    (Told(1, detail="only_exported"),),
    (Told(2, changes={"Composer": None}),),
    (Told(3, detail="only_exported"),),
    (Told(4, changes={"Composer": None}),),
    (Told(0, "superseded"), Told(2, "duplicate", changes=OTHERS), Told(4, changes=OTHERS)),
    (Told(0), _rejected(1, "Milliseconds not a length", Milliseconds=-1)),
    (Told(3, "superseded", changes=DEARER), Told(4, changes={"Composer": "  "})),
    (_rejected(3, "TrackId missing", TrackId=None),),
    (_unreadable(2, "not_json", "half"), Told(4)),
    (Told(0), _unreadable(1, "wrong_field_count", "short")),
    (_unreadable(4, "bad_bytes", Composer=LATIN),),
    (_rejected(0, "Milliseconds not a length", Milliseconds="unknown"), Told(2)),
    (_unreadable(0, "bad_bytes", Composer=LATIN), Told(1)),
    (Told(1, detail="unknown_album", changes=NOWHERE),),
    (_rejected(2, "AlbumId missing; GenreId missing", AlbumId=None, GenreId=None), Told(3)),
    (Told(0, "duplicate"), _unreadable(3, "not_an_object", "list"), Told(4)),
    (Told(0, changes={"Composer": ""}),),
    (_rejected(4, "UnitPrice not a number", UnitPrice="0,99"),),
    (Told(0, "superseded", changes={"Bytes": None}), Told(1, "duplicate"), Told(3)),
    (Told(0, "duplicate", changes={"Composer": "NA"}), Told(4, changes={"Composer": None})),
    (_rejected(1, "TrackId not an integer", TrackId="{}.0".format), Told(2)),
    (Told(2, "superseded", changes={"GenreId": _one_more}), Told(3)),
)
# … of every fifth entry of a playlist
ENTRIES: tuple[tuple[Told, ...], ...] = (
    (Told(0, "duplicate"), Told(1)),
    (Told(2),),
    (_rejected(1, "TrackId not an integer", TrackId="{}?".format),),
    (Told(0, "duplicate"), Told(0, "duplicate"), Told(2, changes={"TrackId": " {}".format})),
    (_unreadable(2, "not_an_object", "list"),),
    (Told(1), _rejected(2, "PlaylistId missing", PlaylistId=None)),
    (Told(0, "duplicate"), Told(0)),
    (_unreadable(1, "wrong_field_count", "short"), Told(2)),
)
# … of every fifth sale that does not say its track: files go by year, so 0 stands for the year's
SALES: tuple[tuple[Told, ...], ...] = (
    (Told(0, detail="equal"), Told(0, detail="equal")),
    (_rejected(0, "Quantity not an integer", Quantity="two"),),
    (Told(0, changes={"media_type": None, "minutes": None}),),
    (_rejected(0, "genre not a name", genre=" "), Told(0)),
    (_rejected(0, "invoice_date not a timestamp", invoice_date="2012-02-30"),),
    (Told(0, detail="equal"), Told(0, detail="equal"), Told(0, detail="equal")),
    (_rejected(0, "UnitPrice missing", UnitPrice=None),),
    (Told(0, changes={"genre": _blanks, "invoice_date": "{} 10:30:00".format}),),
)
# … of every ninth track fact
FACTS: tuple[tuple[Told, ...], ...] = (
    (Told(0, detail="equal"), Told(0, detail="equal")),
    (_rejected(0, "minutes not a number", minutes="4:30"),),
    (Told(1, changes={"price": None}),),
    (_rejected(1, "genre missing; price not a number", genre=None, price="free"),),
    (_unreadable(0, "wrong_field_count", "short"),),
    (_unreadable(1, "not_json", "half"),),
)
# … of every ninth artist, album, customer, invoice and line of an invoice
ARTISTS = (KEPT, (_rejected(0, "Name not a name", Name=" "),), KEPT, KEPT)
ALBUMS = ((_rejected(0, "Title missing", Title=None),), KEPT, KEPT)
CUSTOMERS = (
    (Told(0, detail="unknown_representative", changes={"SupportRepId": 9}),),
    (_rejected(0, "SupportRepId not an integer", SupportRepId="Jane"),),
    (Told(0, changes={"Company": "", "City": _blanks}),),
    KEPT,
)
INVOICES = (
    KEPT,
    (_rejected(0, "InvoiceDate not a timestamp", InvoiceDate="2012-02-30 00:00:00"),),
    (_unreadable(0, "bad_bytes", BillingCity="M\udcfcnchen"),),
    (Told(0, detail="unknown_customer", changes={"CustomerId": 990_001}),),
)
LINES = (
    (Told(0, detail="unknown_track", changes={"TrackId": 990_001}),),
    (_rejected(0, "Quantity not an integer", Quantity="two"),),
    (_rejected(0, "UnitPrice missing", UnitPrice=None),),
    (Told(0, changes={"Quantity": 2}),),
    KEPT,
)

ALBUM_COUNTS = (1, 2, 1, 1, 3, 1)
TRACK_COUNTS = (3, 4, 2, 5)
INVOICE_COUNTS = (2, 3, 1, 2)
LINE_COUNTS = (2, 1, 4, 3, 1, 6)

GENRES = (
    *("Rock", "Samba", "Fado", "Jazz", "Opera", "Rock And Roll", "Música Popular Brasileira"),
    *("Alternative & Punk", "Spoken Word"),
)
MEDIA_TYPES = ("MPEG audio file", "AAC audio file", "Protected MPEG-4 video file")
PLAYLISTS = ("Music", "90’s Music", "Fado de Coimbra", "Classical", "On-The-Go 1", "", "Music")
EMPLOYEES = (
    ("Adams", "Andréa", "General Manager", None, "1962-02-18 00:00:00"),
    ("Edwards", "Nancy", "Sales Manager", 1, "1958-12-08 00:00:00"),
    ("Peacock", "Jane", "Sales Support Agent", 2, "1973-08-29"),
    ("Park", "Márgarét", "Sales Support Agent", 2, "1947-02-29 00:00:00"),  # no such day
    ("Johnson", "Steve", "Sales Support Agent", 2, None),
)
FIRST = (
    *("Os", "The Electric", "Maria", "Los", "Café", "Trio", "Grupo", "Dona", "The Blue", "Coro"),
    *("Zé", "Quarteto", "Irmãos", "Sir", "Banda", "Ensemble"),
)
SECOND = (
    *("Novos", "Horizons", "do Céu", "Ibéricos", "Müller", "Atlântico", "& The Tides", "da Lapa"),
    *("Sabiá", "Nordeste", "Harbour", "do Pôr-do-Sol", "Ñandú"),
)
OPENING = (
    *("Saudade", "Noite", "Blue", "Último", "Golden", "Chuva", "Paper", "Coração", "Silent", "Rua"),
    *("Winter", "Água"),
)
CLOSING = (
    *("Street", "de Verão", "Letters", "Azul", "Train", "Perdido", "Again", "do Mar", '("Live")'),
    *("Song, Pt. 2", "Blues", "No. 5; Finale", "Road"),
)
PEOPLE = ("Ana Sá", "João Luís Braga", "Vinícius Reis", "M. Horváth/L. Ek", "Kate O'Neil")
NAMES = ("Luís", "Helena", "Astrid", "François", "Bjørn", "Hugh", "Kara", "Eduardo", "Terhi")
SURNAMES = ("Gonçalves", "Holý", "Gruber", "Tremblay", "Hansen", "O'Reilly", "Köhler")
PLACES = (
    *(("São José dos Campos", "SP", "Brazil"), ("Prague", None, "Czech Republic")),
    *(("Vienne", None, "Austria"), ("Montréal", "QC", "Canada"), ("Århus", None, "Denmark")),
)


class Store:
    """What is told at a scale.

    Args:
        scale: how many times the stories are told.
    """

    def __init__(self, scale: float) -> None:
        self.scale, self.repetitions = scale, ceil(scale)
        self.albums = _Things(islice(cycle(ALBUM_COUNTS), STORIES))
        self.tracks = _Things(
            sum(TRACK_COUNTS[album % len(TRACK_COUNTS)] for album in self.albums.of(story))
            for story in range(STORIES)
        )
        self.invoices = _Things(islice(cycle(INVOICE_COUNTS), STORIES))
        self.lines = _Things(
            sum(LINE_COUNTS[invoice % len(LINE_COUNTS)] for invoice in self.invoices.of(story))
            for story in range(STORIES)
        )
        self.habits = _habits()

    def uses(self, story: int) -> int:
        """How often a story is told; those that a scale leaves out lie scattered."""
        whole, rest = divmod(self.scale, 1)
        return int(whole) + (story * 25 % STORIES < round(rest * STORIES))

    def told(self, repetition: int) -> list[int]:
        """The stories that are told in a repetition."""
        return self._told[repetition >= int(self.scale)]

    @cached_property
    def _told(self) -> tuple[list[int], list[int]]:
        whole = int(self.scale)
        return list(range(STORIES)), [s for s in range(STORIES) if self.uses(s) > whole]

    def records(self, table: str, repetition: int, story: int) -> Iterator[tuple[Told, Values]]:
        """What a story tells of a table: each record, and its values."""
        for what, values in TELLERS[table](self, repetition, story):
            for told in what:
                yield told, _changed(values, told.changes)

    def rows(self, table: str, file: int) -> Iterator[tuple[Told, Values]]:
        """The records of a file, in their order."""
        if table in FIXED:
            yield from FIXED[table]
            return
        for repetition in range(self.repetitions):
            for story in self.told(repetition):
                for told, values in self.records(table, repetition, story):
                    if told.file == file:
                        yield told, values

    def track(self, repetition: int, track: int) -> Values:
        """The values of a track."""
        album, genre = self._album_and_genre[track]
        number = repetition * self.tracks.count + track
        habit = self.habits[number % HABITS]
        is_video = number % 41 == 40
        return {
            "TrackId": number + 1,
            "Name": f"{_pick(OPENING, number * 5)} {_pick(CLOSING, number * 7 + number // 12)}",
            "AlbumId": repetition * self.albums.count + album + 1,
            "MediaTypeId": 3 if is_video else 1 + (number % 6 == 5),
            "GenreId": genre + 1,
            "Composer": habit.composer,
            "Milliseconds": habit.milliseconds * (9 if is_video else 1),
            "Bytes": habit.milliseconds * 33 + number % 1_000,
            "UnitPrice": 1.99 if is_video else 0.99,
        }

    @cached_property
    def _album_and_genre(self) -> list[tuple[int, int]]:
        """Of each track. Artists keep to a genre or two, and nothing is of the last one."""
        return [
            (album, (story * 5 + album // 7) % (len(GENRES) - 1))
            for story in range(STORIES)
            for album in self.albums.of(story)
            for _ in range(TRACK_COUNTS[album % len(TRACK_COUNTS)])
        ]

    def sold(self, repetition: int, line: int) -> Values:
        """The track that a line of an invoice sells: of any story that is told with its own."""
        told = self.told(repetition)
        # Some artists sell better than others.
        story = told[(line * line * 7 + line // 3) % len(told)]
        tracks = self.tracks.of(story)
        return self.track(repetition, tracks[line % len(tracks)])


class _Things:
    """Things of a kind, of which each story has some."""

    def __init__(self, counts: Iterator[int]) -> None:
        self._ends = [0, *accumulate(counts)]
        self.count = self._ends[-1]

    def of(self, story: int) -> range:
        """The things of a story, numbered through all stories."""
        return range(self._ends[story], self._ends[story + 1])


Telling = Iterator[tuple[tuple[Told, ...], Values]]


def _fate(what: tuple[tuple[Told, ...], ...], number: int, every: int) -> tuple[Told, ...]:
    """What is told of a thing: of every so many, something else than that it is there."""
    turn, rest = divmod(number, every)
    return what[turn % len(what)] if rest == every - 1 else KEPT


def _artists(store: Store, repetition: int, story: int) -> Telling:
    number = repetition * STORIES + story
    name = f"{_pick(FIRST, number * 3)} {_pick(SECOND, number * 5 + number // 16)}"
    yield _fate(ARTISTS, story, 9), {"ArtistId": number + 1, "Name": name}


def _albums(store: Store, repetition: int, story: int) -> Telling:
    for album in store.albums.of(story):
        number = repetition * store.albums.count + album
        title = f"{_pick(OPENING, number * 7)} {_pick(CLOSING, number * 3)}"
        values = {
            "AlbumId": number + 1,
            # Collections go by the same title, whoever they are by.
            "Title": "Greatest Hits" if album % 10 == 9 else title,
            "ArtistId": repetition * STORIES + story + 1,
        }
        yield _fate(ALBUMS, album, 9), values


def _tracks(store: Store, repetition: int, story: int) -> Telling:
    for track in store.tracks.of(story):
        yield _fate(TRACKS, track, 3), store.track(repetition, track)


def _playlist_track(store: Store, repetition: int, story: int) -> Telling:
    for track in store.tracks.of(story):
        number = repetition * store.tracks.count + track
        playlists = [1, 7] if track % 2 else [1]
        if track % 3 == 0:
            playlists.append(2 + story % 4)
        for playlist in playlists:
            values = {"PlaylistId": playlist, "TrackId": number + 1}
            yield _fate(ENTRIES, track + playlist, 5), values


def _customers(store: Store, repetition: int, story: int) -> Telling:
    number = repetition * STORIES + story
    first, last = _pick(NAMES, number), _pick(SURNAMES, number * 2 + number // 9)
    city, state, country = _pick(PLACES, number)
    values = {
        "CustomerId": number + 1,
        "FirstName": first,
        "LastName": last,
        "Company": "Riotur" if number % 7 == 6 else None,
        "City": city,
        "State": state,
        "Country": country,
        "Email": f"customer{number + 1}@example.invalid",
        "SupportRepId": (3, 5)[number % 2],
    }
    yield _fate(CUSTOMERS, story, 9), values


def _invoices(store: Store, repetition: int, story: int) -> Telling:
    for invoice in store.invoices.of(story):
        number = repetition * store.invoices.count + invoice
        city, _, country = _pick(PLACES, repetition * STORIES + story)
        # An invoice is over what was sold, also where a line does not say it as it should.
        cents = sum(
            _cents(values if told.outcome == "rejected" else _changed(values, told.changes))
            for of_invoice, what, values in _lines(store, repetition, story)
            if of_invoice == invoice
            for told in what
        )
        values = {
            "InvoiceId": number + 1,
            "CustomerId": repetition * STORIES + story + 1,
            "InvoiceDate": f"{_day(invoice)} 00:00:00",
            "BillingCity": city,
            "BillingCountry": country,
            "Total": cents / 100,
        }
        yield _fate(INVOICES, invoice, 9), values


def _cents(line: Values) -> int:
    return round(float(line["UnitPrice"] or 0) * 100) * int(line["Quantity"] or 0)


def _lines(
    store: Store, repetition: int, story: int
) -> Iterator[tuple[int, tuple[Told, ...], Values]]:
    """The lines of a story's invoices, each with its invoice."""
    lines = iter(store.lines.of(story))
    for invoice in store.invoices.of(story):
        for line in islice(lines, LINE_COUNTS[invoice % len(LINE_COUNTS)]):
            track = store.sold(repetition, line)
            values = {
                "InvoiceLineId": repetition * store.lines.count + line + 1,
                "InvoiceId": repetition * store.invoices.count + invoice + 1,
                "TrackId": track["TrackId"],
                "UnitPrice": track["UnitPrice"],
                "Quantity": 1,
            }
            yield invoice, _fate(LINES, line, 9), values


def _invoice_items(store: Store, repetition: int, story: int) -> Telling:
    for _, what, values in _lines(store, repetition, story):
        yield what, values


def _orders(store: Store, repetition: int, story: int) -> Telling:
    lines = ((invoice, line) for invoice, _, line in _lines(store, repetition, story))
    for line, (invoice, _) in zip(store.lines.of(story), lines, strict=True):
        track, day = store.sold(repetition, line), _day(invoice)
        values = {
            "invoice_date": str(day),
            "UnitPrice": track["UnitPrice"],
            "Quantity": 1,
            "genre": GENRES[int(track["GenreId"] or 0) - 1],
            "media_type": MEDIA_TYPES[int(track["MediaTypeId"] or 0) - 1],
            "minutes": _tenths(track),
        }
        file = day.year - FIRST_DAY.year
        what = _fate(SALES, line, 5)
        yield tuple(Told(file, t.outcome, t.detail, t.changes, t.spoil) for t in what), values


def _track_facts(store: Store, repetition: int, story: int) -> Telling:
    for track in store.tracks.of(story):
        values = store.track(repetition, track)
        fact = {
            "genre": GENRES[int(values["GenreId"] or 0) - 1],
            "minutes": _tenths(values),
            "price": values["UnitPrice"],
        }
        what = _fate(FACTS, track, 9)
        yield (Told(int(track % 9 > 3)),) if what is KEPT else what, fact


TELLERS: dict[str, Callable[[Store, int, int], Telling]] = {
    "artists": _artists,
    "albums": _albums,
    "tracks": _tracks,
    "playlist_track": _playlist_track,
    "customers": _customers,
    "invoices": _invoices,
    "invoice_items": _invoice_items,
    "orders": _orders,
    "track_facts": _track_facts,
}
FIXED: dict[str, list[tuple[Told, Values]]] = {
    "genres": [(Told(), {"GenreId": n, "Name": name}) for n, name in enumerate(GENRES, 1)],
    "media_types": [
        (Told(), {"MediaTypeId": n, "Name": name}) for n, name in enumerate(MEDIA_TYPES, 1)
    ],
    "playlists": [(Told(), {"PlaylistId": n, "Name": name}) for n, name in enumerate(PLAYLISTS, 1)],
    "employees": [
        (
            _rejected(0, "BirthDate not a timestamp") if "-02-29" in str(born) else Told(),
            {
                "EmployeeId": n,
                "LastName": last,
                "FirstName": first,
                "Title": title,
                "ReportsTo": boss,
                "BirthDate": born,
                "HireDate": f"{2000 + n}-05-01 00:00:00",
                "Email": f"{last.lower()}@example.invalid",
            },
        )
        for n, (last, first, title, boss, born) in enumerate(EMPLOYEES, 1)
    ],
}
FIRST_DAY = date(2011, 1, 2)


def _day(invoice: int) -> date:
    """When something was sold: in the first days of three years, and then all over them."""
    return FIRST_DAY + timedelta(days=invoice * 15 % 1_090)


def _pick(choices: tuple, number: int) -> object:
    return choices[number % len(choices)]


def _tenths(track: Values) -> float:
    """A track's minutes, to one decimal."""
    return (int(track["Milliseconds"] or 0) * 10 + 30_000) // 60_000 / 10


def _changed(values: Values, changes: Mapping[str, Value | Change]) -> Values:
    return values | {
        column: change(values[column]) if callable(change) else change
        for column, change in changes.items()
    }


@dataclass(frozen=True)
class Habit:
    """What tracks are like.

    Attributes:
        milliseconds: how long one is.
        composer: who wrote it, if that is known.
    """

    milliseconds: int
    composer: str | None


def _habits() -> list[Habit]:
    random = Random(1_685)
    habits = []
    for _ in range(HABITS):
        # Mostly three to five minutes, some much longer.
        length = 120_000 + 180_000 * random.random() + 400_000 * random.random() ** 8
        composer = PEOPLE[int(len(PEOPLE) * random.random())] if random.random() > 0.3 else None
        habits.append(Habit(int(length), composer))
    return habits
