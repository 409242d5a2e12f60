"""Who may read the ClickHouse of the tests."""

USER = "reader"
PASSWORD = "open sesame: 7"
