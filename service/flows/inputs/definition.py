"""What every input has, whatever its type."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field, PrivateAttr, model_validator

from runners.fields import Model, Older, Text, wrong
from service.flows.names import InputId


class Dependency(Model):
    """When an input is asked for at all."""

    inputs: list[Text] = Field(min_length=1, description="The inputs that decide it.")
    condition: Text | None = Field(None, description="It is asked for when this renders to something true.")


class Input(Model):
    """What every input has. `parse` reads a value."""

    TYPES: ClassVar[tuple[str, ...]] = ()
    RANGE: ClassVar[tuple[str, str]] = ("min", "max")
    #: False: declared and checked, and not taken by this version.
    RUN: ClassVar[bool] = True
    #: Properties that are checked and not heeded by this version.
    NOT_RUN: ClassVar[frozenset[str]] = frozenset()

    id: InputId = Field(validation_alias=Older("id", "name"), description="How expressions name it: `inputs.id`; dots nest.")
    type: str = Field(description="What values it takes.")
    display_name: Text | None = Field(None, description="What the form shows.")
    description: Text | None = Field(None, description="Markdown for people.")
    required: bool = Field(True, description="Whether an execution needs a value.")
    defaults: Any = Field(None, description="The value when none is given: a literal or an expression.")
    prefill: Any = Field(None, description="What the form begins with; may be emptied.")
    depends_on: Dependency | None = Field(None, description="When it is asked for; otherwise it has no value.")

    _of_form: Dependency | None = PrivateAttr(None)

    @property
    def dependencies(self) -> tuple[Dependency, ...]:
        """What decides whether it is asked for: that of the form that it is in, and its own."""
        return tuple(found for found in (self._of_form, self.depends_on) if found is not None)

    @property
    def secret(self) -> bool:
        """Whether its value is kept encrypted and shown to nobody."""
        return False

    @property
    def demanded(self) -> bool:
        """Whether every execution must be given a value for it."""
        return self.required and self.default() is None and not self.dependencies

    def within(self, form: Input) -> Input:
        """The same as a part of a form."""
        inner = self.model_copy(update={"id": f"{form.id}.{self.id}"})
        inner._of_form = form.depends_on  # noqa: SLF001  # its own class
        return inner

    @model_validator(mode="after")
    def _consistent(self) -> Input:  # noqa: N804  # "after" validates an instance
        if self.defaults is not None and self.prefill is not None:
            hint = "keep one: a default always gives a value, a prefill can be emptied"
            raise wrong("input", "has both `defaults` and `prefill`", hint, at="prefill")
        low, high = (getattr(self, name, None) for name in self.RANGE)
        if low is not None and high is not None and low > high:
            raise wrong("input", "the lower bound is above the upper one", at=self.RANGE[0])
        return self

    def parse(self, value: Any) -> Any:
        """The typed value; raises BadValue."""
        raise NotImplementedError

    def not_taken(self) -> str | None:
        """The type because of which this version takes no value for it."""
        return None if self.RUN else self.type

    def default(self) -> Any:
        """The default as written; None when there is none."""
        return self.defaults
