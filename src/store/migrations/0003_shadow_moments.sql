-- What a route's mirrored exchanges added up to at earlier moments, so that a report can tell how it went.
CREATE TABLE shadow_moments (
    route      TEXT NOT NULL,
    candidate  TEXT NOT NULL,
    -- Pairs that had been compared by then.
    exchanges  BIGINT NOT NULL,
    -- Milliseconds since 1970.
    at         BIGINT NOT NULL,
    -- JSON, of the numbers alone.
    tally      TEXT NOT NULL,
    PRIMARY KEY (route, candidate, exchanges)
);
