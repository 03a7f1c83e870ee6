"""What is said when an API cannot be asked: the address, what happened, what to do, and no secret."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from monitor.console.prometheus.api import Api, SourceError
from monitor.console_source import SourceSettings

URL = "http://metrics.example:9090/prometheus"
SETTINGS = SourceSettings.model_validate({"url": URL, "username": "eda", "password": "s3cret"})
#: As they were recorded: Prometheus 2.42 and VictoriaMetrics 1.79.
VECTOR = '{"status":"success","data":{"resultType":"vector","result":[{"metric":{"a":"b"},"value":[1.5,"3"]}]}}'
MATRIX = (
    '{"status":"success","data":{"resultType":"matrix",'
    '"result":[{"metric":{"a":"b"},"values":[[1.5,"2"],[3,"+Inf"]]}]}}'
)
TOO_MUCH = (
    '{"status":"error","errorType":"execution","error":"query processing would load too many samples into memory"}'
)


def api(answer: Callable[[httpx.Request], httpx.Response], settings: SourceSettings = SETTINGS) -> Api:
    return Api(settings, httpx.Client(transport=httpx.MockTransport(answer)))


def failed(answer: Callable[[httpx.Request], httpx.Response]) -> str:
    with pytest.raises(SourceError) as raised:
        api(answer).instant("up", 1)
    assert str(raised.value).startswith(URL)
    assert "s3cret" not in str(raised.value)
    return str(raised.value)


def text(status: int, body: str, kind: str = "text/plain; charset=utf-8") -> Callable[[httpx.Request], httpx.Response]:
    return lambda request: httpx.Response(status, text=body, headers={"content-type": kind})


def raises(error: Exception) -> Callable[[httpx.Request], httpx.Response]:
    def answer(request: httpx.Request) -> httpx.Response:
        raise error

    return answer


def test_answers_are_read_whether_of_a_moment_or_of_a_span() -> None:
    (one,) = api(text(200, MATRIX)).instant("x[5m]", 1)
    (other,) = api(text(200, VECTOR)).instant("x", 1)

    assert one == ({"a": "b"}, [(1.5, 2.0), (3.0, float("inf"))])
    assert other.points == [(1.5, 3.0)]


def test_marks_of_staleness_are_no_samples() -> None:
    assert api(text(200, MATRIX.replace("+Inf", "NaN"))).instant("x[5m]", 1)[0].points == [(1.5, 2.0)]
    assert api(text(200, VECTOR.replace('"3"', '"NaN"'))).instant("x", 1) == []


def test_where_nobody_listens_it_says_what_to_check() -> None:
    assert "cannot be reached: refused; check url" in failed(raises(httpx.ConnectError("refused")))


def test_who_does_not_answer_in_time_is_said_so() -> None:
    assert "did not answer within 10 s" in failed(raises(httpx.ReadTimeout("slow")))


def test_a_login_is_asked_for_by_its_keys() -> None:
    assert "(401); expected username with password_file, or bearer_token_file" in failed(text(401, "Unauthorized"))


def test_a_login_that_may_not_query_is_said_so() -> None:
    assert "(403); expected a login that may query" in failed(text(403, "no"))


def test_a_web_page_is_no_api() -> None:
    said = failed(text(200, "<html>Grafana</html>", "text/html"))

    assert "answered 200 with text/html, not JSON" in said
    assert "such as http://metrics.example:9090" in said


def test_a_wrong_path_is_said_so_by_either() -> None:
    assert "answered 404 with text/plain" in failed(text(404, "404 page not found\n"))
    assert "answered 400 with text/plain" in failed(text(400, "unsupported path requested"))


def test_a_redirect_is_a_page_to_log_in_at() -> None:
    said = failed(lambda request: httpx.Response(302, headers={"location": "https://login.example/"}))

    assert "sends elsewhere, to https://login.example/" in said


def test_what_the_api_says_itself_is_passed_on() -> None:
    assert "could not answer (422): query processing would load too many samples" in failed(text(422, TOO_MUCH))


@pytest.mark.parametrize(
    "body", ["[]", '{"status":"success"}', '{"status":"success","data":{"result":[{"metric":{}}]}}']
)
def test_json_of_another_kind_is_no_answer(body: str) -> None:
    assert "Prometheus" in failed(text(200, body)) or "did not say why" in failed(text(200, body))


def test_alerts_that_an_api_does_not_tell_are_told_by_their_series_alone() -> None:
    assert api(text(404, "404 page not found")).alerts() == []


def test_the_login_goes_along(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("t0ken\n")
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, text=VECTOR)

    api(answer).instant("up", 1)
    api(answer, SourceSettings(url=URL, bearer_token_file=tmp_path / "token")).instant("up", 1)

    assert [one.headers["authorization"] for one in asked] == ["Basic ZWRhOnMzY3JldA==", "Bearer t0ken"]
    assert asked[0].url.path == "/prometheus/api/v1/query"


def test_a_token_that_is_gone_is_named_by_its_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("t0ken")
    settings = SourceSettings(url=URL, bearer_token_file=file)
    file.unlink()

    with pytest.raises(SourceError, match=f"the file {file} cannot be read"):
        api(text(200, VECTOR), settings).instant("up", 1)
