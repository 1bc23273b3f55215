# Deploys to one host with a login for every question: is the file there, bring it,
# run the commands. For `xargs -P`.
set -eu
config=$1 file=$2 sum=$3 host=$4 to=$5 commands=$6
if ! ssh -F "$config" "$host" "echo '$sum  $to' | sha256sum --check --status" 2>/dev/null; then
  scp -q -p -F "$config" "$file" "$host:$to"
fi
ssh -F "$config" "$host" "chmod 755 $to && $commands"
