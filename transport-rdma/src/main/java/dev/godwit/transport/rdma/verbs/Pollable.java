package dev.godwit.transport.rdma.verbs;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/** A native object with a descriptor that can be waited for, and those who wait for it. */
final class Pollable {
  private final Handle handle;
  private final int fd;
  private final List<Wait> waits = new CopyOnWriteArrayList<>();

  Pollable(String name, long pointer, int fd) {
    this.handle = new Handle(name, pointer, this::ring);
    this.fd = fd;
  }

  Handle handle() {
    return handle;
  }

  /** To be polled by who has entered the handle. */
  int fd() {
    return fd;
  }

  void add(Wait wait) {
    waits.add(wait);
  }

  void remove(Wait wait) {
    waits.remove(wait);
  }

  /** Ends the waits for it. */
  void ring() {
    waits.forEach(Wait::ring);
  }
}
