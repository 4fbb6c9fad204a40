"""Every file of scripts/ecs, filled in by scripts/ecs/render, against the fields that AWS documents for it."""
import json
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
VALUES = {
    "ACCOUNT": "123456789012", "REGION": "eu-central-1", "IMAGE": "123456789012.dkr.ecr.eu-central-1.amazonaws.com/kgw:1", "CLUSTER": "gateways",
    "SUBNET": "subnet-0a1b2c3d", "SECURITY_GROUP": "sg-0a1b2c3d", "LOG_GROUP": "/ecs/kgw", "CONTROL_PLANE": "abc.eu.cp.example.com",
    "TELEMETRY": "abc.eu.tp.example.com",
}
FARGATE = {"256": {512, 1024, 2048}, "512": set(range(1024, 4097, 1024)), "1024": set(range(2048, 8193, 1024))}


class Map:
    """An object with exactly these fields; required ones are named."""

    def __init__(self, required=(), **fields):
        self.required, self.fields = required, fields


class Many:
    """A list of one kind."""

    def __init__(self, kind):
        self.kind = kind


STRINGS = {"string": True}
NAME_VALUE = Many(Map(("name", "value"), name=str, value=str))
LOGS = Map(("logDriver",), logDriver=["awslogs", "splunk", "awsfirelens"], options=STRINGS, secretOptions=Many(Map(name=str, valueFrom=str)))
CONTAINER = Map(
    ("name", "image"), name=str, image=str, essential=bool, readonlyRootFilesystem=bool, user=str, command=Many(str), entryPoint=Many(str),
    linuxParameters=Map(capabilities=Map(add=Many(str), drop=Many(str)), initProcessEnabled=bool),
    portMappings=Many(Map(("containerPort",), containerPort=int, hostPort=int, protocol=["tcp", "udp"], name=str, appProtocol=["http", "http2", "grpc"])),
    environment=NAME_VALUE, secrets=Many(Map(("name", "valueFrom"), name=str, valueFrom=str)),
    healthCheck=Map(("command",), command=Many(str), interval=int, timeout=int, retries=int, startPeriod=int),
    stopTimeout=int, ulimits=Many(Map(("name", "softLimit", "hardLimit"), name=["nofile"], softLimit=int, hardLimit=int)), logConfiguration=LOGS)
TASK = Map(
    ("family", "containerDefinitions"), family=str, networkMode=["awsvpc", "bridge", "host", "none"], requiresCompatibilities=Many(["FARGATE", "EC2"]), cpu=str, memory=str,
    runtimePlatform=Map(cpuArchitecture=["X86_64", "ARM64"], operatingSystemFamily=["LINUX"]), executionRoleArn=str, taskRoleArn=str, containerDefinitions=Many(CONTAINER))
SERVICE = Map(
    ("serviceName", "taskDefinition"), cluster=str, serviceName=str, taskDefinition=str, launchType=["FARGATE", "EC2"], desiredCount=int,
    deploymentConfiguration=Map(minimumHealthyPercent=int, maximumPercent=int, deploymentCircuitBreaker=Map(("enable", "rollback"), enable=bool, rollback=bool)),
    networkConfiguration=Map(("awsvpcConfiguration",), awsvpcConfiguration=Map(
        ("subnets",), subnets=Many(str), securityGroups=Many(str), assignPublicIp=["ENABLED", "DISABLED"])),
    healthCheckGracePeriodSeconds=int, loadBalancers=Many(Map(targetGroupArn=str, containerName=str, containerPort=int)))
STATEMENT = Map(("Effect", "Action"), Sid=str, Effect=["Allow", "Deny"], Action=str, Principal=Map(Service=str), Resource=Many(str))
POLICY = Map(("Version", "Statement"), Version=["2012-10-17"], Statement=Many(STATEMENT))
COMPOSE = Map(("version", "services"), version=str, services={"service": Map(
    ("image",), image=str, restart=["always"], ports=Many(str), environment=STRINGS, logging=Map(driver=["awslogs"], options=STRINGS))})
PARAMS = Map(
    ("version", "task_definition"), version=int,
    task_definition=Map(
        ecs_network_mode=["awsvpc", "bridge"], task_execution_role=str, task_role_arn=str, task_size=Map(cpu_limit=int, mem_limit=int),
        services={"service": Map(essential=bool, secrets=Many(Map(("value_from", "name"), value_from=str, name=str)))}),
    run_params=Map(network_configuration=Map(awsvpc_configuration=Map(subnets=Many(str), security_groups=Many(str), assign_public_ip=["ENABLED", "DISABLED"]))))
FILES = {
    "task-definition.json": TASK, "service.json": SERVICE, "execution-role-trust.json": POLICY, "execution-role-policy.json": POLICY,
    "docker-compose.yml": COMPOSE, "ecs-params.yml": PARAMS,
}


def problems(value, kind, at: str) -> list[str]:
    if isinstance(kind, Map):
        if not isinstance(value, dict):
            return [f"{at}: not an object"]
        found = [f"{at}.{name}: unknown field" for name in value if name not in kind.fields] + [f"{at}.{name}: missing" for name in kind.required if name not in value]
        return found + [p for name in value if name in kind.fields for p in problems(value[name], kind.fields[name], f"{at}.{name}")]
    if isinstance(kind, Many):
        if not isinstance(value, list) or not value:
            return [f"{at}: not a list with something in it"]
        return [p for i, item in enumerate(value) for p in problems(item, kind.kind, f"{at}[{i}]")]
    if isinstance(kind, list):
        return [] if value in kind else [f"{at}: {value!r} is none of {kind}"]
    if isinstance(kind, dict):
        if kind is STRINGS:
            return [f"{at}.{name}: not a string" for name, item in value.items() if not isinstance(item, str)]
        return [p for name, item in value.items() for p in problems(item, next(iter(kind.values())), f"{at}.{name}")]
    return [] if type(value) is kind else [f"{at}: {value!r} is not a {kind.__name__}"]


class EcsFiles(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temp = tempfile.TemporaryDirectory()
        subprocess.run([str(ROOT / "scripts/ecs/render"), cls.temp.name], env={**os.environ, **VALUES}, check=True, stdout=subprocess.DEVNULL)
        cls.files = {}
        for path in pathlib.Path(cls.temp.name).iterdir():
            cls.files[path.name] = json.loads(path.read_text()) if path.suffix == ".json" else yaml.safe_load(path.read_text())

    @classmethod
    def tearDownClass(cls):
        cls.temp.cleanup()

    def test_every_file_is_known_and_has_only_documented_fields(self):
        self.assertEqual(sorted(self.files), sorted(FILES))
        for name, kind in FILES.items():
            self.assertEqual(problems(self.files[name], kind, name), [])

    def test_the_checker_notices_what_is_wrong(self):
        self.assertEqual(problems({"family": "x", "containerDefinitions": [{"name": "a", "imagee": "b"}]}, TASK, "t"),
                         ["t.containerDefinitions[0].imagee: unknown field", "t.containerDefinitions[0].image: missing"])

    def test_render_refuses_a_missing_value(self):
        env = {**os.environ, **VALUES}
        del env["SUBNET"]
        done = subprocess.run([str(ROOT / "scripts/ecs/render"), self.temp.name + "/no"], env=env, capture_output=True, text=True)
        self.assertEqual(done.returncode, 2)
        self.assertIn("SUBNET", done.stderr)

    def test_the_task_fits_fargate(self):
        task = self.files["task-definition.json"]
        self.assertIn(int(task["memory"]), FARGATE[task["cpu"]])
        size = self.files["ecs-params.yml"]["task_definition"]["task_size"]
        self.assertEqual((str(size["cpu_limit"]), str(size["mem_limit"])), (task["cpu"], task["memory"]))
        self.assertEqual(task["networkMode"], "awsvpc")
        self.assertLessEqual(task["containerDefinitions"][0]["stopTimeout"], 120)

    def test_both_forms_set_the_same_environment_and_secrets(self):
        container = self.files["task-definition.json"]["containerDefinitions"][0]
        compose = self.files["docker-compose.yml"]["services"]["kgw"]["environment"]
        task = {item["name"]: item["value"] for item in container["environment"]}
        self.assertEqual(compose, {name: task[name] for name in compose})
        self.assertEqual(set(task) - set(compose), {"KONG_STATUS_LISTEN"})
        secrets = {s["name"] for s in self.files["ecs-params.yml"]["task_definition"]["services"]["kgw"]["secrets"]}
        self.assertEqual({s["name"] for s in container["secrets"]}, secrets)

    def test_the_role_reads_exactly_the_secrets(self):
        container = self.files["task-definition.json"]["containerDefinitions"][0]
        statement = self.files["execution-role-policy.json"]["Statement"][0]
        self.assertEqual(sorted(statement["Resource"]), sorted(s["valueFrom"] for s in container["secrets"]))
        self.assertEqual(statement["Action"], "ssm:GetParameters")

    def test_no_placeholder_is_left(self):
        for path in pathlib.Path(self.temp.name).iterdir():
            code = "".join(line for line in path.read_text().splitlines(True) if not line.startswith("#"))
            self.assertIsNone(re.search(r"\$\{", code), path.name)


if __name__ == "__main__":
    unittest.main()
