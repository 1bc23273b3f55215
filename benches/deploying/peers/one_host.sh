# Deploys to one host, for `xargs -P`. It is told whether the file is likely to be
# there: asking costs a login, which a first copy does without.
set -eu
config=$1 file=$2 sum=$3 likely=$4 host=$5 to=$6 commands=$7
if [ "$likely" = yes ] &&
  ssh -F "$config" "$host" "echo '$sum  $to' | sha256sum --check --status || exit 9; $commands"; then
  exit
fi
scp -q -p -F "$config" "$file" "$host:$to"
ssh -F "$config" "$host" "chmod 755 $to && $commands"
