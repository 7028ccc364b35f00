package dev.godwit.transport.kernel;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.util.Optional;
import java.util.regex.Pattern;

/** Users and groups of this host, by name or by number, as the system's name service has them. */
public final class Accounts {
  private static final Pattern NUMBER = Pattern.compile("[0-9]{1,10}");

  /** The kernel's largest is reserved: it means "leave as it is" in chown. */
  private static final long MAX_NUMBER = 0xffff_fffeL;

  /** Where both {@code struct passwd} and {@code struct group} have the number. */
  private static final int NUMBER_OFFSET = 16;

  private static final int RECORD_BYTES = 64;

  /** A group may have many members. */
  private static final int TEXT_BYTES = 1024 * 1024;

  private static final MethodHandle GETPWNAM_R = lookUp("getpwnam_r");
  private static final MethodHandle GETGRNAM_R = lookUp("getgrnam_r");

  private Accounts() {}

  /** The number of a user; empty if there is none of that name. */
  public static Optional<Integer> user(String nameOrNumber) {
    return number(GETPWNAM_R, nameOrNumber);
  }

  /** The number of a group; empty if there is none of that name. */
  public static Optional<Integer> group(String nameOrNumber) {
    return number(GETGRNAM_R, nameOrNumber);
  }

  private static Optional<Integer> number(MethodHandle lookUp, String nameOrNumber) {
    if (NUMBER.matcher(nameOrNumber).matches()) {
      long number = Long.parseLong(nameOrNumber);
      return number <= MAX_NUMBER ? Optional.of((int) number) : Optional.empty();
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment name = arena.allocateFrom(nameOrNumber);
      MemorySegment found = arena.allocate(RECORD_BYTES, 8);
      MemorySegment text = arena.allocate(TEXT_BYTES);
      MemorySegment result = arena.allocate(ADDRESS);
      int errno = (int) lookUp.invokeExact(name, found, text, (long) TEXT_BYTES, result);
      boolean none = errno != 0 || result.get(ADDRESS, 0).equals(MemorySegment.NULL);
      return none ? Optional.empty() : Optional.of(found.get(JAVA_INT, NUMBER_OFFSET));
    } catch (Throwable t) {
      throw Libc.unexpected(t);
    }
  }

  private static MethodHandle lookUp(String name) {
    return Libc.LINKER.downcallHandle(
        Libc.LINKER.defaultLookup().findOrThrow(name),
        FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, ADDRESS, JAVA_LONG, ADDRESS));
  }
}
