namespace ControlCenter.Runtime.Storage.Embedded;

/// <summary>The host's own PostgreSQL cannot be had. The message names the thing, what is wrong with it, and what to do.</summary>
public sealed class EmbeddedPostgresException : Exception
{
    /// <summary>Says what is wrong.</summary>
    public EmbeddedPostgresException(string message)
        : base(message)
    {
    }

    /// <summary>Says what is wrong, and what it came from.</summary>
    public EmbeddedPostgresException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
