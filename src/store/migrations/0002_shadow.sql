-- What the mirror saw: pairs of answers, and what they add up to.
CREATE TABLE shadow_records (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    -- Milliseconds since 1970.
    at          BIGINT NOT NULL,
    route       TEXT NOT NULL,
    -- The backend that got the copy.
    candidate   TEXT NOT NULL,
    -- The live request's, as logs have it.
    request_id  TEXT NOT NULL,
    -- Names of the measures by which they differ, each between spaces: ` tool_arguments text `.
    different   TEXT NOT NULL,
    -- Of all the texts below, in front of them so that it is found without reading them.
    bytes       BIGINT NOT NULL,
    -- Of the request.
    dialect     TEXT NOT NULL,
    -- JSON; empty where only scores are kept.
    request     TEXT NOT NULL,
    primary_answer    TEXT NOT NULL,
    candidate_answer  TEXT NOT NULL,
    -- The primary's second answer; empty where it was asked once.
    again_answer      TEXT NOT NULL,
    -- JSON of what each measure found.
    comparison  TEXT NOT NULL
);

CREATE INDEX shadow_records_by_route ON shadow_records (route, candidate, id);

CREATE INDEX shadow_records_by_age ON shadow_records (route, id, at, bytes);

CREATE TABLE shadow_tallies (
    route      TEXT NOT NULL,
    candidate  TEXT NOT NULL,
    -- JSON.
    tally      TEXT NOT NULL,
    -- When the first and the last pair came.
    since      BIGINT NOT NULL,
    at         BIGINT NOT NULL,
    PRIMARY KEY (route, candidate)
);

CREATE TABLE shadow_fates (
    route  TEXT NOT NULL,
    fate   TEXT NOT NULL,
    why    TEXT NOT NULL,
    count  BIGINT NOT NULL,
    PRIMARY KEY (route, fate, why)
);

CREATE TABLE shadow_spent (
    route     TEXT PRIMARY KEY,
    -- Days of UTC since 1970.
    day       BIGINT NOT NULL,
    requests  BIGINT NOT NULL,
    tokens    BIGINT NOT NULL
);
