namespace ControlCenter.Domain.Ids;

/// <summary>Ids that sort by their time of making (RFC 9562, section 5.7).</summary>
public static class Uuid7
{
    /// <summary>A new id, with the clock's present time in it.</summary>
    public static Guid New(TimeProvider time) => Guid.CreateVersion7(time.GetUtcNow());
}
