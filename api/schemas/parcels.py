"""What suppliers post to us. Carriers have shapes of their own: workers/adapters/carrier_events.py reads them."""

from pydantic import BaseModel, ConfigDict, Field

from workers.contracts.tracking import NUMBER


class SupplierEvent(BaseModel):
    """Something happened to an order at a supplier; what exactly, the supplier is asked for."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    event: str = Field(max_length=100, description="`shipped`; other events set nothing off.")
    supplier_order_id: str = Field(pattern=NUMBER, max_length=64)
    tracking_number: str = Field(pattern=NUMBER, max_length=64)


SHIPPED = {"event": "shipped", "supplier_order_id": "CJ-100001", "tracking_number": "00340434161094042557"}
EASYPOST = {
    "object": "Event",
    "description": "tracker.updated",
    "result": {
        "object": "Tracker",
        "tracking_code": "9400110898825022579493",
        "carrier": "USPS",
        "tracking_details": [
            {
                "status": "in_transit",
                "status_detail": "departed_facility",
                "datetime": "2026-03-02T09:00:00Z",
                "message": "Departed",
            }
        ],
    },
}
"""Payloads cut short, for the documentation."""
