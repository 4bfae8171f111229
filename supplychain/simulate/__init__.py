"""Seeded live evenings: no public order data of live rooms exists, so the service brings its own, labelled synthetic."""
