"""The plugin's own tests run against the command that was built."""

pytest_plugins = ["pytester"]
