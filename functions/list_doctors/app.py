"""GET /doctors and GET /doctors/{id}: the catalogue."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from slotkeeper import bootstrap
from slotkeeper.contracts.doctors import (
    DoctorPageResponse,
    DoctorResponse,
    ListDoctorsQuery,
    doctor_view,
)
from slotkeeper.contracts.shapes import IdPath, Nothing
from slotkeeper.domain import errors
from slotkeeper.domain.user import Role
from slotkeeper.entrypoints.answers import Response, kept_answer
from slotkeeper.entrypoints.http import create_app
from slotkeeper.entrypoints.observability import instrumented
from slotkeeper.entrypoints.operation import Call
from slotkeeper.services import list_doctors as catalogue

app = create_app()


@app.operation(
    "GET",
    "/doctors",
    roles=Role,
    query_model=ListDoctorsQuery,
    answers={HTTPStatus.OK: DoctorPageResponse},
    gives_etag=True,
)
def get_doctors(call: Call[Nothing, ListDoctorsQuery, Nothing]) -> Response[str]:
    """Doctors by name; staff see their clinic's"""
    query = call.query
    wanted = query.wanted()
    page = catalogue.list_doctors(
        wanted=wanted,
        asked=repr(query),
        caller=call.caller,
        skip=query.skip,
        limit=query.limit,
        after=query.after(wanted, str),
        view=query.view(call.caller.user_id),
        to_text=lambda found: DoctorPageResponse.of(found, query, wanted).to_text(),
        catalogue=bootstrap.catalogue(),
        users=bootstrap.users(),
        pages=bootstrap.doctor_pages(),
        together=bootstrap.together,
    )
    return kept_answer(call, page)


@app.operation(
    "GET",
    "/doctors/{id}",
    roles=Role,
    path_model=IdPath,
    answers={HTTPStatus.OK: DoctorResponse},
    refuses=[errors.NotFound],
    gives_etag=True,
)
def get_doctor(call: Call[IdPath, Nothing, Nothing]) -> Response[str]:
    """One doctor; staff see their clinic's"""
    page = catalogue.get_doctor(
        doctor_id=call.path.id,
        caller=call.caller,
        view=doctor_view(call.caller.user_id, call.path.id),
        to_page=DoctorResponse.page_of,
        catalogue=bootstrap.catalogue(),
        users=bootstrap.users(),
        pages=bootstrap.doctor_pages(),
    )
    return kept_answer(call, page)


bootstrap.prime(bootstrap.catalogue, bootstrap.doctor_pages, bootstrap.users)


@instrumented
def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
