from __future__ import annotations

from aiohttp import web

from domain.offers.model import FixedPrice, InputRule, Offer, OpenPrice, PerUnitPrice
from domain.offers.policy import currencies
from entrypoints.http.keys import APPLICATION
from entrypoints.http.replies import json_response

routes = web.RouteTableDef()


@routes.get("/api/offers")
async def list_offers(request: web.Request) -> web.Response:
    offers = await request.app[APPLICATION].list_offers()
    return json_response({"offers": [render_offer(offer) for offer in offers]})


def render_offer(offer: Offer) -> dict[str, object]:
    return {
        "offer": offer.slug,
        "name": offer.name,
        "currencies": list(currencies(offer)),
        "price": _render_price(offer.pricing),
        "max_quantity": offer.quantity_max,
        "inputs": _render_inputs(offer.inputs),
        "delivery_time_s": int(offer.terms.delivery_time.total_seconds()),
    }


def _render_price(pricing: FixedPrice | PerUnitPrice | OpenPrice) -> dict[str, object]:
    match pricing:
        case FixedPrice():
            return {"rule": "fixed", "prices": dict(pricing.prices)}
        case OpenPrice():
            return {
                "rule": "open",
                "currency": pricing.currency,
                "minimum": pricing.minimum_minor,
                "maximum": pricing.maximum_minor,
            }
        case PerUnitPrice():
            return {
                "rule": "per_unit",
                "unit": pricing.unit,
                "multiply": list(pricing.multiply),
                "divide_by": pricing.divide_by,
                "cost": {code: str(cost) for code, cost in pricing.cost_minor.items()},
                "markup": str(pricing.markup),
                "minimum": dict(pricing.minimum_minor),
            }


def _render_inputs(rule: InputRule) -> object:
    if rule.anything:
        return "anything"
    return {
        name: {
            "type": field.kind,
            "required": field.required,
            "min": field.minimum,
            "max": field.maximum,
        }
        for name, field in rule.fields.items()
    }
