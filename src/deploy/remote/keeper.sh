# 3 of 4: the keeper: it waits beside a deployment, and undoes it unless that is
# confirmed in time. Nothing but a decision or the host's end stops it.

# Starts it where a logout does not reach it, and returns when it has its lock. As a
# unit it outlives a logout that ends all of a user's processes; a user's own units
# do so only where they linger. Sets `kept_by`.
start_keeper() {
  kept_by=process
  ! keeper_lives || return 0
  if [ -d /run/systemd/system ]; then
    kept_by=systemd
    if [ "$(id -u)" = 0 ]; then
      in_unit systemd-run
    elif [ -e "/var/lib/systemd/linger/$(id -un)" ]; then
      XDG_RUNTIME_DIR=/run/user/$(id -u) in_unit systemd-run --user
    else
      in_unit sudo -n systemd-run "--uid=$(id -u)"
    fi && return 0
  fi
  kept_by=process
  # It closes its stdout when it has its lock: that is what we wait for.
  : "$(umask "$inherited_umask"; setsid sh -c "$start" race "$program" "$state" keeper "$id" 2>>"$dir/undo.log" </dev/null 7>&- 9>&- &)"
  keeper_works
}

# shellcheck disable=SC2016 # for the shell that is started
start='program=$1; shift; eval "$program"'

in_unit() { # systemd-run and its first options
  "$@" --quiet --collect --working-directory="$PWD" --property=UMask="$inherited_umask" \
    --setenv=PATH="$PATH" --setenv=HOME="${HOME-/}" -- sh -c "$start" race "$program" "$state" keeper "$id" \
    >/dev/null 2>&1 </dev/null 9>&- || return 1
  tries=0
  until keeper_works; do
    [ "$tries" -lt 100 ] || return 1
    tries=$((tries + 1))
    sleep 0.05
  done
}

# It may have nothing left to do by the time we look.
keeper_works() {
  keeper_lives || [ -e "$dir/undone" ]
}

keeper() { # ID
  deployment "$1"
  exec 8>>"$dir/keeper.lock"
  flock -w 5 8 || exit 1
  # What undo commands write is bounded, and a daemon of theirs may write for ever.
  rm -f -- "$dir/log" && mkfifo -- "$dir/log" || exit 1
  { head -c 1048576; exec cat >/dev/null; } <"$dir/log" >>"$dir/undo.log" 2>&1 8>&- &
  exec >"$dir/log" 2>&1
  while [ -d "$dir" ] && [ ! -e "$dir/decision" ]; do
    seconds_left
    if [ "$left" -gt 0 ] || ! decide undo; then sleep 1 8>&-; fi
  done
  read_decision
  if [ "$decision" = confirmed ]; then
    # Whoever decides anew after this finds the lock free, and starts another.
    exec 8>&-
    read_decision
    [ "$decision" = undo ] || exit 0
    exec 8>>"$dir/keeper.lock"
    flock -n 8 || exit 0
  fi
  [ "$decision" != undo ] || [ -e "$dir/undone" ] || undo_all
  exit 0
}

undo_all() {
  # Whatever still runs, on a connection that may be half open, ends first; and as
  # we have decided, nothing new begins.
  exec 9>>"$dir/change.lock"
  end_running
  until flock -w 1 9; do end_running; done
  end_running
  failures=
  # shellcheck disable=SC1091 # written by `arm`
  . "$dir/undo_list"
  set_running -
  if [ -z "$failures" ]; then
    ln -fT -- "$dir/may/undone" "$dir/undone"
  else
    write "$dir/undone" "undone failed$failures" || ln -fT -- "$dir/may/failed" "$dir/undone"
  fi
}

failed() { # N NAME
  failures="$failures
failed $1 $2"
  echo "race: the undo of step $1 ($2) failed"
}

# An undo that was cut short is taken up again; what is done stays done.
undo_upload() { # N NAME TO [SUDO...]
  n=$1 name=$2 to=$3
  shift 3
  beside "$n" "$to"
  "$@" rm -rf -- "$part"
  if [ -e "$dir/began/$n" ] && [ ! -e "$dir/finished/$n" ]; then
    before=
    [ ! -e "$dir/backup/$n" ] || read -r before <"$dir/backup/$n"
    case $before in
      kept) ! "$@" test -e "$old" && ! "$@" test -L "$old" || "$@" mv -fT -- "$old" "$to" ;;
      absent) "$@" rm -f -- "$to" ;;
      *) false ;;
    esac || { failed "$n" "$name"; return; }
    : >"$dir/finished/$n"
  fi
  if "$@" test -d "$to.d"; then
    "$@" rm -rf -- "$tree"
    "$@" rmdir -- "$to.d" 2>/dev/null
  fi
}

undo_command() { # N NAME SECONDS CMD...
  n=$1 name=$2
  shift 2
  [ -e "$dir/began/$n" ] && [ ! -e "$dir/finished/$n" ] || return 0
  if limited "$@"; then : >"$dir/finished/$n"; else failed "$n" "$name"; fi
}

# Only where something was begun there is something to bring back to life.
afterwards() { # NAME SECONDS CMD...
  name=$1
  shift
  [ -n "$(ls -A -- "$dir/began")" ] || return 0
  limited "$@" || failed 0 "$name"
}

limited() { # SECONDS CMD...
  limit=$1
  shift
  exec 4</dev/null
  begin_group "$@"
  exec 4<&-
  {
    while [ "$limit" -gt 0 ]; do
      sleep 1
      limit=$((limit - 1))
    done
    trap '' TERM
    end_group
  } 8>&- 9>&- &
  timer=$!
  wait "$group"
  status=$?
  { kill "$timer" && wait "$timer"; } 2>/dev/null
  return "$status"
}
