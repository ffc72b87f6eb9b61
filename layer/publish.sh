#!/usr/bin/env bash
# Publishes the zips in dist/ as layers of your own AWS account and prints their ARNs.
#
#   REGIONS  where to publish: "eu-west-1 us-east-1"
#   ORG      o-...: all accounts of this organisation may use the layers; otherwise only yours
#   NAME     the layers are NAME-x86_64 and NAME-arm64; larder by default
#
# Needs lambda:PublishLayerVersion and lambda:GetLayerVersion on the layers, with ORG also
# lambda:AddLayerVersionPermission. Every run makes a new version; functions stay on theirs.
set -euo pipefail
cd "$(dirname "$0")/.."

REGIONS=${REGIONS:-} ORG=${ORG:-} NAME=${NAME:-larder}

fail() {
	echo "publish: $*" >&2
	exit 1
}

# publish REGION ARCHITECTURE prints the ARN of the new version.
publish() {
	local layer=$NAME-$2 answer arn version
	answer=$(aws lambda publish-layer-version --region "$1" --layer-name "$layer" \
		--description "Secrets and parameters, prefetched and served over localhost" \
		--license-info Apache-2.0 --compatible-architectures "$2" \
		--zip-file "fileb://dist/larder-$2.zip" --query '[LayerVersionArn, Version]' --output text) || return
	read -r arn version <<<"$answer"
	if [[ $ORG ]]; then
		# A permission belongs to one version, so each new one needs its own.
		aws lambda add-layer-version-permission --region "$1" --layer-name "$layer" --version-number "$version" \
			--statement-id organisation --action lambda:GetLayerVersion \
			--principal '*' --organization-id "$ORG" >/dev/null || return
	fi
	echo "$arn"
}

# All that can be wrong is said before anything is published.
read -r -a regions <<<"${REGIONS//,/ }"
((${#regions[@]})) || fail 'no Region given: make publish REGIONS="eu-west-1 us-east-1"'
for region in "${regions[@]}"; do
	[[ $region =~ ^[a-z]+(-[a-z]+)+-[0-9]+$ ]] || fail "\"$region\" is not a Region; one looks like eu-west-1"
done
[[ -z $ORG || $ORG =~ ^o-[a-z0-9]{10,32}$ ]] || fail "\"$ORG\" is not an organisation; one looks like o-a1b2c3d4e5"
[[ $NAME =~ ^[A-Za-z0-9_-]+$ ]] || fail "\"$NAME\" is not a layer's name: letters, digits, - and _ only"
command -v aws >/dev/null || fail 'the AWS CLI is not installed: see https://aws.amazon.com/cli/'

row='%-16s  %-12s  %s\n'
printf "$row" REGION ARCHITECTURE ARN
for region in "${regions[@]}"; do
	for architecture in x86_64 arm64; do
		arn=$(publish "$region" "$architecture") ||
			fail "stopped at $NAME-$architecture in $region; the layers listed above are published"
		printf "$row" "$region" "$architecture" "$arn"
	done
done
