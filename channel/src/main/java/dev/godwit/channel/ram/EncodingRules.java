package dev.godwit.channel.ram;

import dev.godwit.channel.ram.PageEncoding.Surroundings;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * The table of what goes together: every encoding against every other and against what surrounds a
 * migration. Each encoding brings its own row; any two encodings go together, since a page is sent
 * by one of them and the others are told.
 */
public final class EncodingRules {

  /** One cell. */
  public record Pair(PageEncoding encoding, Surroundings surroundings) {

    /** Why not, as a sentence; empty if they go together. */
    public Optional<String> refusal() {
      return Optional.ofNullable(encoding.exclusions().get(surroundings));
    }

    @Override
    public String toString() {
      return encoding.name() + " with " + surroundings;
    }
  }

  private EncodingRules() {}

  /** All cells, row by row. */
  public static List<Pair> table() {
    return PageEncodings.all().stream().flatMap(encoding -> row(encoding).stream()).toList();
  }

  private static List<Pair> row(PageEncoding encoding) {
    List<Pair> row = new ArrayList<>();
    for (Surroundings surroundings : Surroundings.values()) {
      row.add(new Pair(encoding, surroundings));
    }
    return row;
  }

  /** Everything that speaks against {@code encodings}, a sentence each; empty if nothing does. */
  public static List<String> refusals(List<PageEncoding> encodings, Set<Surroundings> around) {
    List<String> refusals = new ArrayList<>();
    for (PageEncoding encoding : encodings) {
      for (Pair pair : row(encoding)) {
        if (around.contains(pair.surroundings())) {
          pair.refusal().ifPresent(reason -> refusals.add(pair + " cannot be: " + reason));
        }
      }
    }
    return refusals;
  }
}
