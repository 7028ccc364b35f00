/**
 * The lab VM: Debian's kernel with a soft-RoCE device under QEMU, on the host's own file system.
 *
 * <p>A {@link dev.godwit.lab.softroce.SoftRoceVm} is one owned QEMU process whose guest runs
 * commands of the host's: what is installed and built here is there too, read-only beneath a layer
 * in memory, and one directory is writable. Two of them may share a wire that can be cut. {@code
 * lab/softroce/install} provides kernel and tools; the guest's side is the resource {@code
 * guest.sh}. Nothing here knows a transport or what the commands do.
 */
@NullMarked
package dev.godwit.lab.softroce;

import org.jspecify.annotations.NullMarked;
