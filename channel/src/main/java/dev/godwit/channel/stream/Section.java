package dev.godwit.channel.stream;

/**
 * What a section of the stream belongs to, as its START or FULL announced it (qemu-wire.md §1.3).
 *
 * @param id chosen by the source, and nothing but a short name for the rest
 * @param name of a device, such as {@code ram} or {@code 0000:00:01.1/ide}; 1 to 255 bytes
 * @param instance which of several of that name
 * @param version of what its body looks like
 */
public record Section(long id, String name, long instance, long version) {
  /** The name of the section that carries guest memory. */
  public static final String RAM = "ram";

  public boolean isRam() {
    return name.equals(RAM);
  }

  /** How it is called in messages. */
  @Override
  public String toString() {
    return "section " + id + " (" + name + ", instance " + instance + ")";
  }
}
