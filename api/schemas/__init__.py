"""What the api takes in and gives out, as pydantic models: frozen, and with an example each."""
