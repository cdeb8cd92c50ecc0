namespace ControlCenter.Domain.Work;

/// <summary>What the founder wants done: the truth that tasks plan for and activities report on (blueprint Part 3 §2).</summary>
public sealed class Ticket
{
    /// <summary>UUIDv7.</summary>
    public Guid Id { get; init; }

    /// <summary>Grows with each ticket; shown as the key <c>T-number</c>.</summary>
    public long Number { get; init; }

    /// <summary>1 to 500 characters.</summary>
    public required string Title { get; set; }

    /// <summary>Up to 64 KiB of text.</summary>
    public string? Description { get; set; }

    /// <summary>The project it belongs to, by name; none is allowed.</summary>
    public string? Project { get; set; }

    /// <summary>0 to 4, 4 first (<see cref="Work.Priority"/>).</summary>
    public short Priority { get; set; }

    /// <summary>Where it stands.</summary>
    public TicketState State { get; set; }

    /// <summary>The actor that opened it.</summary>
    public Guid CreatedBy { get; init; }

    /// <summary>Database time.</summary>
    public DateTimeOffset CreatedAt { get; init; }

    /// <summary>Database time of the last change.</summary>
    public DateTimeOffset UpdatedAt { get; set; }

    /// <summary>The key that people use: <c>T-1</c>.</summary>
    public string Key => KeyOf(Number);

    /// <summary>The key of the ticket with this number.</summary>
    public static string KeyOf(long number) => $"T-{number}";

    /// <summary>The number in a key such as <c>T-1</c>, or null if the text is not a key.</summary>
    public static long? NumberOf(string key) =>
        key.StartsWith("T-", StringComparison.Ordinal) && long.TryParse(key.AsSpan(2), out var number) && number > 0 ? number : null;
}
