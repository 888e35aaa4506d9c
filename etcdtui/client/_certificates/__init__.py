"""Below the client's public faces: what is read from certificates and keys.

Imported when TLS is used: the library behind it takes a tenth of a start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from etcdtui.core.late import late

if TYPE_CHECKING:
    from etcdtui.client._certificates.facts import facts_of as facts_of
    from etcdtui.client._certificates.facts import facts_of_all as facts_of_all
    from etcdtui.client._certificates.facts import fingerprint_of as fingerprint_of
    from etcdtui.client._certificates.names import certificate_name as certificate_name
    from etcdtui.client._certificates.names import subject_and_end as subject_and_end
    from etcdtui.client._certificates.pem import check_certificates as check_certificates
    from etcdtui.client._certificates.pem import check_pair as check_pair

_HOMES = {
    "certificate_name": "names",
    "subject_and_end": "names",
    "check_certificates": "pem",
    "check_pair": "pem",
    "facts_of": "facts",
    "facts_of_all": "facts",
    "fingerprint_of": "facts",
}
__getattr__ = late(__name__, _HOMES)
