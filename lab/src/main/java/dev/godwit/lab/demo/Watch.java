package dev.godwit.lab.demo;

import dev.godwit.migration.engine.SourceMigration;

/** Is shown each migration of the demo while it goes on. */
@FunctionalInterface
interface Watch {

  /** Ends with the migration. */
  @FunctionalInterface
  interface Watching extends AutoCloseable {
    @Override
    void close();
  }

  Watching begin(Leg leg, SourceMigration migration);
}
