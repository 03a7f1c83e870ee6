"""The launcher: starts real services, each in a folder of its own on free loopback ports, and stops them for certain.

Nothing else starts a broker: demo, tests and benchmarks all come here.
"""

from monitor.demo.services.alertmanager import alertmanager
from monitor.demo.services.azurite import Azurite, azurite
from monitor.demo.services.elasticmq import elasticmq
from monitor.demo.services.event_grid import SUBSCRIPTION, SimulatedAzure, simulated_azure
from monitor.demo.services.jars import KAFKA_VERSION, kafka_libs
from monitor.demo.services.kafka import Cluster, Kafka, kafka, kafka_cluster
from monitor.demo.services.moto import CREDENTIALS, REGION, moto
from monitor.demo.services.nginx import nginx
from monitor.demo.services.openid import openid
from monitor.demo.services.process import ServiceFailedError, ServiceMissingError, free_port
from monitor.demo.services.prometheus import prometheus
from monitor.demo.services.rabbitmq import ADMIN, MONITOR, Node, permit_nothing, rabbitmq, rabbitmq_cluster
from monitor.demo.services.secured import Secured, certificates, secured_kafka
from monitor.demo.services.victoriametrics import victoriametrics

__all__ = [
    "ADMIN", "CREDENTIALS", "KAFKA_VERSION", "MONITOR", "REGION", "SUBSCRIPTION", "Azurite", "Cluster", "Kafka", "Node",
    "Secured", "ServiceFailedError", "ServiceMissingError", "SimulatedAzure", "alertmanager", "azurite", "certificates",
    "elasticmq", "free_port", "kafka", "kafka_cluster", "kafka_libs", "moto", "nginx", "openid", "permit_nothing",
    "prometheus", "rabbitmq", "rabbitmq_cluster", "secured_kafka", "simulated_azure", "victoriametrics",
]  # fmt: skip
