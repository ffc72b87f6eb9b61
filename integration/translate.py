"""Prints the CloudFormation template that AWS SAM makes of the template given as argument."""
import json
import os
import sys

from samtranslator.parser.parser import Parser
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

# SAM asks for the Region's partition, and reads nothing else from AWS.
os.environ.setdefault("AWS_DEFAULT_REGION", "eu-west-1")


class NoManagedPolicies:
    """Stands for the list of AWS's managed policies, which would be asked of IAM."""

    def load(self):
        return {}


with open(sys.argv[1]) as file:
    template = yaml_parse(file)

# `sam package` uploads the folders and puts addresses like these in their place.
for name, resource in template["Resources"].items():
    for key in ("CodeUri", "ContentUri"):
        if key in resource["Properties"]:
            resource["Properties"][key] = f"s3://bucket/{name}.zip"

json.dump(transform(template, {}, NoManagedPolicies()), sys.stdout)
