"""Each setting says what it means for a child, and none tells a secret."""

from __future__ import annotations

from copdns.settings.config import EventSettings, Settings, Webhook
from copdns.web.desk.household.settings import EFFECTS, settings_of
from tests.test_docs import settings


def test_every_setting_says_what_it_means_for_a_child() -> None:
    assert set(EFFECTS) == set(settings(Settings))


def test_every_setting_is_shown_once() -> None:
    shown = [each.name for _, found in settings_of(Settings()) for each in found]
    assert sorted(shown) == sorted(EFFECTS)


def test_a_value_that_is_as_good_as_a_password_is_not_shown() -> None:
    hook = Webhook(url="https://hooks.example/x", token="y")
    changed = Settings(events=EventSettings(webhooks=(hook,), command=("tell", "z")))
    hidden = {each.name for _, found in settings_of(changed) for each in found if not each.value}
    assert hidden == {"events.webhooks", "events.command"}
    assert all(each.usual for _, found in settings_of(Settings()) for each in found)
