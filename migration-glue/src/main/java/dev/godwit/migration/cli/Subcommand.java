package dev.godwit.migration.cli;

/**
 * A command of another module, found by {@link java.util.ServiceLoader}: a picocli command object
 * that is runnable as it is.
 */
public interface Subcommand {}
