package dev.godwit.lab.guest;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/**
 * A small machine for one {@link BootSector}: no display, no network, no device that the guest does
 * not need.
 *
 * @param type machine type; {@value #SHARED_TYPE} is known to every version and migrates between
 *     them
 * @param accelerator {@code tcg} or {@code kvm}
 * @param memoryMiB the machine's memory
 * @param guest what it boots; a destination needs it too, for the disk it is on
 * @param start how the machine comes up
 * @param more further arguments, as QEMU takes them
 */
public record QemuMachine(
    String type,
    String accelerator,
    int memoryMiB,
    BootSector guest,
    Start start,
    List<String> more) {

  /** How a machine comes up. */
  public enum Start {
    /** The guest boots. */
    RUNNING,
    /** The guest waits for {@code cont} before its first instruction. */
    PAUSED,
    /** The machine waits for {@code migrate-incoming}. */
    INCOMING
  }

  /** A machine type that 7.2 and 10.0 both have. */
  public static final String SHARED_TYPE = "pc-i440fx-7.2";

  /** Copies the arguments. */
  public QemuMachine {
    more = List.copyOf(more);
  }

  /**
   * A machine of {@value #SHARED_TYPE} under TCG that boots the guest, with the memory the guest
   * counts on.
   */
  public static QemuMachine of(BootSector guest) {
    return new QemuMachine(SHARED_TYPE, "tcg", guest.memoryMiB(), guest, Start.RUNNING, List.of());
  }

  /** The same machine of another type. */
  public QemuMachine ofType(String other) {
    return new QemuMachine(other, accelerator, memoryMiB, guest, start, more);
  }

  /** The same machine with another accelerator. */
  public QemuMachine accelerated(String by) {
    return new QemuMachine(type, by, memoryMiB, guest, start, more);
  }

  /** The same machine with another memory size, whatever the guest counts on. */
  public QemuMachine withMemory(int mebibytes) {
    return new QemuMachine(type, accelerator, mebibytes, guest, start, more);
  }

  /** The same machine, started paused. */
  public QemuMachine paused() {
    return new QemuMachine(type, accelerator, memoryMiB, guest, Start.PAUSED, more);
  }

  /** The same machine as a migration's destination. */
  public QemuMachine incoming() {
    return new QemuMachine(type, accelerator, memoryMiB, guest, Start.INCOMING, more);
  }

  /** The same machine with further arguments after all others. */
  public QemuMachine with(String... arguments) {
    return new QemuMachine(
        type,
        accelerator,
        memoryMiB,
        guest,
        start,
        Stream.concat(more.stream(), Stream.of(arguments)).toList());
  }

  /** QEMU's arguments, with files by their names in the directory it is started in. */
  List<String> arguments(Path image, Path serial, List<Path> monitors) {
    var arguments = new ArrayList<String>();
    arguments.addAll(
        List.of("-name", "godwit-guest", "-no-user-config", "-nodefaults", "-display", "none"));
    arguments.addAll(List.of("-M", type, "-accel", accelerator, "-m", memoryMiB + "M"));
    arguments.addAll(List.of("-drive", "if=ide,format=raw,file=" + doubled(image)));
    arguments.addAll(List.of("-serial", "file:" + serial));
    for (Path monitor : monitors) {
      arguments.addAll(List.of("-qmp", "unix:" + doubled(monitor) + ",server=on,wait=off"));
    }
    switch (start) {
      case RUNNING -> {}
      case PAUSED -> arguments.add("-S");
      case INCOMING -> arguments.addAll(List.of("-incoming", "defer"));
    }
    arguments.addAll(more);
    return arguments;
  }

  /** A path inside an option list, where a comma ends a value unless it is doubled. */
  private static String doubled(Path path) {
    return path.toString().replace(",", ",,");
  }
}
