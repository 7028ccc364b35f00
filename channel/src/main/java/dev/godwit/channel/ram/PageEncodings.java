package dev.godwit.channel.ram;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/** All encodings that are known, and the order in which a page is offered to them. */
public final class PageEncodings {
  private static final List<PageEncoding> ALL =
      List.of(
          new ZeroEncoding(), //
          new XbzrleEncoding(),
          new CompressEncoding(),
          new PlainEncoding());

  private PageEncodings() {}

  /** Every encoding as it is by default: what a reader reads. */
  public static List<PageEncoding> all() {
    return ALL;
  }

  /** What a source uses without any capability. */
  public static List<PageEncoding> usual() {
    return List.of(new ZeroEncoding(), new PlainEncoding());
  }

  /**
   * {@code some} in the order in which a page is offered to them; plain, which takes each, is the
   * last one and has to be there.
   */
  public static List<PageEncoding> inOrder(List<PageEncoding> some) {
    List<Integer> flags = ALL.stream().map(PageEncoding::flag).toList();
    List<PageEncoding> ordered = new ArrayList<>(some);
    ordered.sort(Comparator.comparingInt(encoding -> flags.indexOf(encoding.flag())));
    if (ordered.isEmpty() || ordered.getLast().flag() != ALL.getLast().flag()) {
      throw new IllegalArgumentException("Some pages can only be sent plain, which is left out");
    }
    return List.copyOf(ordered);
  }
}
