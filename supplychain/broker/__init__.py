"""The way to the message broker: publishing, topics, and the broker that comes along for one machine.

This is the only room of confluent-kafka. Consuming is done by Faust in `streams`.
"""
