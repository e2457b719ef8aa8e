"""What people do on the page, step by step."""

from __future__ import annotations

import json
import re

from playwright.sync_api import expect

from tests.support.made import NEVER, waiting
from tests.support.service import PASSWORD

# As in the contract, section 6: what people paste into their console, unchanged.
CREATE_TEST_TASK = """
  var createTestTask = function (time) {
    var xhr = new XMLHttpRequest();
    var url = "/openattic/api/taskqueue/test_task";
    xhr.open("post", url, true);
    xhr.setRequestHeader("Content-Type", "application/json");
    var data = JSON.stringify({times: time});
    xhr.send(data);
  }
"""


def sign_in_by_form(tab, name="admin", password=PASSWORD, address=""):
    tab.page.goto(f"{tab.service.address}{address}")
    tab.page.get_by_label("Username").fill(name)
    tab.page.get_by_label("Password").fill(password)
    tab.page.get_by_role("button", name="Sign in").click()
    if password == PASSWORD:
        expect(tab.page.get_by_role("button", name="Sign out")).to_be_visible()


def sign_in(tab, name="admin", password=PASSWORD, address=""):
    """Opens the page signed in: most tests are not about the form."""
    given = {"username": name, "password": password}
    assert tab.page.request.post(f"{tab.service.base}/openattic/api/auth", data=given).ok
    tab.page.goto(f"{tab.service.address}{address}")
    expect(tab.page.get_by_role("button", name="Sign out")).to_be_visible()


def create(tab, *times):
    for number in times:
        tab.page.evaluate(f"() => {{ {CREATE_TEST_TASK}; createTestTask({number}); }}")


def call(tab, method, path, body=None):
    """REST as the person who is signed in."""
    answer = tab.page.request.fetch(f"{tab.service.base}/openattic/api/{path}", method=method, data=body)
    assert answer.ok, answer.text()
    return answer.json() if answer.status != 204 else None


def submit(tab, job, **params):
    return call(tab, "POST", "taskqueue", {"job": job, "params": params})["id"]


def submit_waiting(tab, *times):
    """Test tasks whose time has not come."""
    tasks = [waiting(number) for number in times]
    return [task["id"] for task in call(tab, "POST", "taskqueue", tasks)["results"]]


def submit_finished(tab, *times):
    """Tasks that have counted to each of these numbers, one after another."""
    return [finished(tab, number) for number in times]


def finished(tab, number):
    task_id = submit(tab, "counts", times=number)
    assert call(tab, "GET", f"taskqueue/{task_id}?wait=60")["status"] == "Finished"
    return task_id


def create_waiting(tab, in_round=1):
    """A task that waits in a round until its worker is killed."""
    return submit(tab, "waits", times=20, in_round=in_round, until=NEVER)


def open_dialog(tab, name=None):
    tab.page.get_by_role("button", name=re.compile("Background-Task|Failed-Task")).click()
    dialog = tab.page.get_by_role("dialog", name="Background-Tasks")
    if name is not None:
        dialog.get_by_role("tab", name=re.compile(name)).click()
    return dialog


def names(dialog):
    return dialog.locator("tbody .task-name").all_inner_texts()


def row(dialog, name):
    return dialog.get_by_role("row", name=re.compile(name))


class Frames:
    """Counts the frames of changes that a page gets."""

    def __init__(self, page):
        self.page = page
        self.count = 0
        page.on("websocket", lambda socket: socket.on("framereceived", self._received))

    def _received(self, payload):
        self.count += json.loads(payload)["type"] == "changes"

    def wait_for(self, more):
        until = self.count + more
        while self.count < until:
            self.page.evaluate("() => new Promise(requestAnimationFrame)")
