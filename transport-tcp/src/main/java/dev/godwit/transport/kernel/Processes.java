package dev.godwit.transport.kernel;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/** The C library's calls for child processes. Results are as with {@link Libc}. */
final class Processes {
  static final int SIGKILL = 9;
  static final int SIGPIPE = 13;
  static final int SIGTERM = 15;
  static final int WNOHANG = 1;

  private static final short SPAWN_SETPGROUP = 0x02;
  private static final short SPAWN_SETSIGDEF = 0x04;
  private static final short SPAWN_SETSIGMASK = 0x08;

  /** More than any C library needs for an attribute, a list of actions or a set of signals. */
  private static final int OPAQUE_BYTES = 512;

  /** The same on all architectures. */
  private static final long SYS_PIDFD_OPEN = 434;

  private static final MethodHandle SPAWN =
      plain("posix_spawn", ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS);
  private static final MethodHandle ACTIONS_INIT = plain("posix_spawn_file_actions_init", ADDRESS);
  private static final MethodHandle ACTIONS_DESTROY =
      plain("posix_spawn_file_actions_destroy", ADDRESS);
  private static final MethodHandle ACTIONS_DUP2 =
      plain("posix_spawn_file_actions_adddup2", ADDRESS, JAVA_INT, JAVA_INT);
  private static final MethodHandle ACTIONS_CLOSEFROM =
      plain("posix_spawn_file_actions_addclosefrom_np", ADDRESS, JAVA_INT);
  private static final MethodHandle ATTR_INIT = plain("posix_spawnattr_init", ADDRESS);
  private static final MethodHandle ATTR_DESTROY = plain("posix_spawnattr_destroy", ADDRESS);
  private static final MethodHandle ATTR_FLAGS =
      plain("posix_spawnattr_setflags", ADDRESS, JAVA_SHORT);
  private static final MethodHandle ATTR_GROUP =
      plain("posix_spawnattr_setpgroup", ADDRESS, JAVA_INT);
  private static final MethodHandle ATTR_DEFAULT =
      plain("posix_spawnattr_setsigdefault", ADDRESS, ADDRESS);
  private static final MethodHandle ATTR_MASK =
      plain("posix_spawnattr_setsigmask", ADDRESS, ADDRESS);
  private static final MethodHandle SIGEMPTYSET = plain("sigemptyset", ADDRESS);
  private static final MethodHandle SIGADDSET = plain("sigaddset", ADDRESS, JAVA_INT);
  private static final MethodHandle WAITPID = Libc.handle("waitpid");
  private static final MethodHandle KILL = Libc.handle("kill");
  private static final MethodHandle SYSCALL = Libc.handle("syscall");

  private Processes() {}

  /**
   * Starts {@code /bin/sh -c command} in a process group of its own, with this process's
   * environment, the three descriptors as its 0, 1 and 2 and no other, and no signal blocked or, of
   * those this JVM has taken, ignored.
   *
   * @param input all three are above 2, and stay the caller's
   * @return its process id, which is its group's, too
   */
  static int shell(String command, int input, int output, int errors) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment actions = arena.allocate(OPAQUE_BYTES, 16);
      MemorySegment attributes = arena.allocate(OPAQUE_BYTES, 16);
      int result = (int) ACTIONS_INIT.invokeExact(actions);
      if (result == 0) {
        result = (int) ATTR_INIT.invokeExact(attributes);
        try {
          if (result == 0) {
            return spawn(arena, command, actions, attributes, input, output, errors);
          }
        } finally {
          int _ = (int) ACTIONS_DESTROY.invokeExact(actions);
        }
      }
      return -result;
    } catch (Throwable t) {
      throw Libc.unexpected(t);
    }
  }

  private static int spawn(
      Arena arena,
      String command,
      MemorySegment actions,
      MemorySegment attributes,
      int input,
      int output,
      int errors)
      throws Throwable {
    try {
      MemorySegment nothing = arena.allocate(OPAQUE_BYTES, 16);
      MemorySegment defaults = arena.allocate(OPAQUE_BYTES, 16);
      MemorySegment pid = arena.allocate(JAVA_INT);
      int failed = (int) ACTIONS_DUP2.invokeExact(actions, input, 0);
      failed |= (int) ACTIONS_DUP2.invokeExact(actions, output, 1);
      failed |= (int) ACTIONS_DUP2.invokeExact(actions, errors, 2);
      failed |= (int) ACTIONS_CLOSEFROM.invokeExact(actions, 3);
      failed |= (int) SIGEMPTYSET.invokeExact(nothing);
      failed |= (int) SIGEMPTYSET.invokeExact(defaults);
      failed |= (int) SIGADDSET.invokeExact(defaults, SIGPIPE);
      failed |= (int) ATTR_GROUP.invokeExact(attributes, 0);
      failed |= (int) ATTR_MASK.invokeExact(attributes, nothing);
      failed |= (int) ATTR_DEFAULT.invokeExact(attributes, defaults);
      short flags = (short) (SPAWN_SETPGROUP | SPAWN_SETSIGDEF | SPAWN_SETSIGMASK);
      failed |= (int) ATTR_FLAGS.invokeExact(attributes, flags);
      if (failed != 0) {
        return -Errno.EINVAL;
      }
      MemorySegment arguments = arena.allocate(ADDRESS, 4);
      arguments.setAtIndex(ADDRESS, 0, arena.allocateFrom("sh"));
      arguments.setAtIndex(ADDRESS, 1, arena.allocateFrom("-c"));
      arguments.setAtIndex(ADDRESS, 2, arena.allocateFrom(command));
      int result =
          (int)
              SPAWN.invokeExact(
                  pid,
                  arena.allocateFrom("/bin/sh"),
                  actions,
                  attributes,
                  arguments,
                  environment());
      return result == 0 ? pid.get(JAVA_INT, 0) : -result;
    } finally {
      int _ = (int) ATTR_DESTROY.invokeExact(attributes);
    }
  }

  /** As the kernel handed it over: bytes, where Java's own copy has been through an encoding. */
  private static MemorySegment environment() {
    return Libc.LINKER
        .defaultLookup()
        .findOrThrow("environ")
        .reinterpret(ADDRESS.byteSize())
        .get(ADDRESS, 0);
  }

  /** A descriptor that becomes readable when the process ends. */
  static int pidfd(int pid) {
    return Libc.call(SYSCALL, SYS_PIDFD_OPEN, pid, 0);
  }

  /** Reaps the process; its wait status goes to {@code status}. */
  static int waitpid(int pid, MemorySegment status, int options) {
    return Libc.call(WAITPID, pid, status.address(), options);
  }

  /** Signals a process, or with a negative number a group. */
  static int kill(int pid, int signal) {
    return Libc.call(KILL, pid, signal);
  }

  /** A call that returns its error number, or cannot fail. */
  private static MethodHandle plain(String name, MemoryLayout... arguments) {
    return Libc.LINKER.downcallHandle(
        Libc.LINKER.defaultLookup().findOrThrow(name), FunctionDescriptor.of(JAVA_INT, arguments));
  }
}
