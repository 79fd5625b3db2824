"""The base of all configurations: one frozen model per step, and one sentence for what is wrong."""

import difflib
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from curation_core.errors import ConfigError


class StepConfig(BaseModel):
    """Base of all configurations: frozen, strict about names, and clear about what is wrong."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise ConfigError(_sentence(type(self), error)) from None


def _sentence(model: type[BaseModel], error: ValidationError) -> str:
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        near = difflib.get_close_matches(name, model.model_fields, n=1)
        hint = f"did you mean {near[0]}?" if near else "known settings: " + ", ".join(model.model_fields)
        return f"{model.__name__} has no setting {name!r}; {hint}"
    message = first["msg"].removeprefix("Value error, ")
    if not name:
        return message
    got = "" if first["type"] == "missing" else f", got {first['input']!r}"
    return f"{name}: {message[:1].lower()}{message[1:]}{'' if 'got ' in message else got}"
