"""The clients of model SDKs below all hosts: their HTTP attempts and streams."""
