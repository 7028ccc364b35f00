/**
 * libvirt moves a running domain through Godwit: two real libvirtd on this machine, {@code virsh
 * migrate} as an administrator types it, and two {@code godwit proxy} processes in between. What a
 * migration without libvirt can show belongs to {@code dev.godwit.lab.migration}.
 */
@NullMarked
package dev.godwit.lab.libvirt;

import org.jspecify.annotations.NullMarked;
