"""Reads an OpenMetrics page as strictly as its reference parser does.

Fails if the page is malformed, if what the example measures is not there, or if
the parser lets a broken page pass.
"""

import sys

from prometheus_client.openmetrics.parser import text_string_to_metric_families

# The example's label; U+FFFD stands for the NUL that OpenMetrics does not allow.
HOSTILE = '"} 1\n# EOF\n\\"\\n\\,a="b" \ufffd\x1b[0m\r\tü\U0001F980'


def parse(page):
    return {family.name: family for family in text_string_to_metric_families(page)}


def refuses(page, why):
    try:
        parse(page)
    except ValueError:
        return
    sys.exit(f"the parser takes a page {why}")


with open(sys.argv[1], encoding="utf-8", newline="") as file:
    page = file.read()

families = parse(page)
kinds = {family.type for family in families.values()}
missing = {"counter", "gauge", "histogram", "info"} - kinds
if missing:
    sys.exit(f"no family is a {missing}")

samples = [sample for family in families.values() for sample in family.samples]
if not any(HOSTILE in value for sample in samples for value in sample.labels.values()):
    sys.exit("the hostile label has not come through as it was")
if not any(sample.name.endswith("_created") for sample in samples):
    sys.exit("no series tells when it was created")

exemplars = [sample.exemplar for sample in samples if sample.exemplar]
if not exemplars:
    sys.exit("there is no exemplar")
for exemplar in exemplars:
    if set(exemplar.labels) != {"trace_id", "span_id"} or not exemplar.timestamp:
        sys.exit(f"an exemplar is not as it should be: {exemplar}")

refuses(page.removesuffix("# EOF\n"), "without an end")
refuses(page.replace('\\"', '"'), "with quotes that are not escaped")
print(f"{len(families)} families, {len(samples)} samples, {len(exemplars)} exemplars")
