"""Messages to Slack, by an incoming webhook."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from runners.fields import Dynamic, Text
from runners.notify import ExecutionMessage, WebhookTask, colour, headline, message_of
from runners.protocol import Facts, Outcome, Unusable
from runners.task import Work


class SlackIncomingWebhook(WebhookTask):
    """Sends a message to a Slack channel."""

    TYPE = "io.kestra.plugin.slack.notifications.SlackIncomingWebhook"
    ALIASES: ClassVar[tuple[str, ...]] = (
        "io.kestra.plugin.notifications.slack.SlackIncomingWebhook",
        "io.kestra.plugin.slack.SlackIncomingWebhook",
    )

    payload: Dynamic[dict[str, Any]] | Text | None = Field(None, description="The message as Slack takes it: JSON text or a map.")
    message_text: Dynamic[Text] | None = Field(None, description="The message's text; simpler than a payload, and it may hold quotes and line breaks.")

    def run(self, work: Work) -> Outcome:
        """One call."""
        message = message_of(self.payload)
        if self.message_text is not None:
            message["text"] = self.message_text
        if not message:
            raise Unusable("there is nothing to send: set messageText or payload")
        return self.post(work, message)


class SlackExecution(ExecutionMessage, WebhookTask):
    """Tells a Slack channel how an execution stands or has ended, with a link to it."""

    TYPE = "io.kestra.plugin.slack.notifications.SlackExecution"
    ALIASES: ClassVar[tuple[str, ...]] = (
        "io.kestra.plugin.notifications.slack.SlackExecution",
        "io.kestra.plugin.slack.SlackExecution",
    )

    channel: Dynamic[Text] | None = Field(None, description="The channel, where the webhook leaves that open.")
    username: Dynamic[Text] | None = Field(None, description="Whom the message is from.")
    icon_url: Dynamic[Text] | None = Field(None, description="A picture of whom it is from.")
    icon_emoji: Dynamic[Text] | None = Field(None, description="An emoji in place of the picture, like :warning:.")
    payload: Dynamic[dict[str, Any]] | Text | None = Field(None, description="Goes before what the message would be otherwise, part by part.")
    message_text: Dynamic[Text] | None = Field(None, description="The message's text.")

    def run(self, work: Work) -> Outcome:
        """The facts in Slack's words, and one call."""
        facts = self.facts(work)
        text = self.message_text or self.custom_message
        named = {"channel": self.channel, "username": self.username, "icon_url": self.icon_url, "icon_emoji": self.icon_emoji}
        message: dict[str, Any] = {
            "text": text or f"<{facts.link}|{_plain(headline(facts))}>",
            **{name: value for name, value in named.items() if value},
            "attachments": [self._attachment(facts)],
        }
        return self.post(work, {**message, **message_of(self.payload)})

    def _attachment(self, facts: Facts) -> Mapping[str, Any]:
        return {
            "color": colour(facts),
            "fallback": headline(facts),
            "title": _plain(headline(facts)),
            "title_link": facts.link,
            "fields": [{"title": title, "value": _plain(text), "short": len(text) <= 40} for title, text in self.lines(facts)],
            "ts": int(facts.started.timestamp()),
        }


def _plain(text: str) -> str:
    """Text as Slack shows it as it is."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
