# The lab VM from its first process on, on the host's file system: makes the RDMA device, then runs what it is told to.
#
# Ports: "control" takes lines "ID TOKEN", each for the script ID in the control directory, and says "ready", "failed
# REASON" or "done ID STATUS"; "stdout" and "stderr" carry what commands write, each ended by 0x1e, the token and a line
# feed; "alive" ends when the host's side of the VM has.
set -u
b=/run/godwit/busybox
control=/run/godwit/control
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C.UTF-8 HOME=/root TERM=dumb
export PATH LC_ALL HOME TERM
unset TMPDIR

port() { # NAME: the device of a port, which the host announces when it gets to it
  tries=0
  while [ $tries -lt 600 ]; do
    for each in /sys/class/virtio-ports/*; do
      if read -r name <"$each/name" && [ "$name" = "$1" ]; then
        echo "/dev/${each##*/}"
        return
      fi
    done 2>/dev/null
    tries=$((tries + 1))
    $b sleep 0.1
  done
}
exec 3<>"$(port control)" 4>"$(port stdout)" 5>"$(port stderr)" 6<>"$(port alive)"
exec 0</dev/null >/dev/console 2>&1

fail() { echo "failed $*" >&3; $b sleep 5; $b poweroff -f; }

# Before the host's first line a read finds no host; after it, that the host is gone. A host that went before it wrote
# that line is not waited for.
(
  tries=0
  until read -r hello <&6 || [ $tries -ge 200 ]; do
    tries=$((tries + 1))
    $b sleep 0.1
  done
  while read -r hello <&6; do :; done
  $b poweroff -f
) 3>&- 4>&- 5>&- &
watch=$!
exec 6>&-

. "$control/settings"
mkdir -p /dev/pts /dev/shm
$b mount -t devpts -o mode=620,ptmxmode=666 devpts /dev/pts
$b mount -t tmpfs shm /dev/shm
ln -sf /proc/self/fd /dev/fd
ln -sf fd/0 /dev/stdin
ln -sf fd/1 /dev/stdout
ln -sf fd/2 /dev/stderr
echo 1 >/proc/sys/kernel/printk
$b hostname "$hostname"
# Nobody answers for names here, so what is not in this file is not waited for.
echo "127.0.0.1 localhost $hostname
::1 localhost" >/etc/hosts
: >/etc/resolv.conf
ulimit -l unlimited
ulimit -c 0
if [ -n "$share" ]; then
  $b mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=mmap share "$share" || fail "The writable directory $share cannot be mounted"
fi

interface=
for each in /sys/class/net/*; do
  [ -e "$each/device" ] && interface=${each##*/}
done
[ -n "$interface" ] || fail "The VM has no network interface"
if [ "$interface" != eth0 ]; then ip link set "$interface" name eth0; fi
ip link set lo up
# Before the RDMA device is made: its path MTU is then 4096 and not 1024.
ip link set eth0 mtu 4300 up || fail "eth0 does not come up"
ip address add "$address" dev eth0 && ip -6 address add "$address6" dev eth0 nodad || fail "eth0 does not take its addresses"
rdma link add rxe0 type rxe netdev eth0 || fail "There is no soft-RoCE device: rdma link add failed"
tries=0
until read -r state </sys/class/infiniband/rxe0/ports/1/state && [ "$state" = "4: ACTIVE" ]; do
  tries=$((tries + 1))
  [ $tries -lt 300 ] || fail "Port 1 of rxe0 is not active but $state"
  $b sleep 0.1
done

# What a command leaves behind ends with it: everything but the processes named.
end_all_but() {
  for process in /proc/[0-9]*; do
    process=${process#/proc/}
    case " 1 $watch $* " in *" $process "*) ;; *) kill -9 "$process" ;; esac
  done 2>/dev/null
}

mkfifo /run/godwit/out /run/godwit/err
echo ready >&3
while :; do
  read -r id token <&3 || { $b sleep 0.1; continue; }
  $b cat /run/godwit/out >&4 3>&- 5>&- &
  out=$!
  $b cat /run/godwit/err >&5 3>&- 4>&- &
  err=$!
  $b setsid /bin/sh "$control/$id" >/run/godwit/out 2>/run/godwit/err 3>&- 4>&- 5>&-
  status=$?
  end_all_but $out $err
  wait $out $err
  $b sync
  printf '\036%s\n' "$token" >&4
  printf '\036%s\n' "$token" >&5
  echo "done $id $status" >&3
done
