using ControlCenter.Domain.Jobs;
using Quartz;

namespace ControlCenter.Runtime.Jobs;

/// <summary>
/// When a job runs: a cron expression of five fields in a time zone. A time that summer time leaves out is made up for at the first
/// moment after the gap; one that comes twice runs once, unless the hour itself is not said.
/// </summary>
public sealed class CronSchedule
{
    private const int Fields = 5;

    // An expression that has no time at all is found out here: February the 30th.
    private static readonly TimeSpan Foreseeable = TimeSpan.FromDays(366 * 8);

    private readonly CronExpression _expression;
    private readonly bool _isOnRequest;

    private CronSchedule(CronExpression expression, bool isOnRequest) => (_expression, _isOnRequest) = (expression, isOnRequest);

    /// <summary>The expression as the engine that triggers keeps it.</summary>
    internal CronExpression Expression => _expression;

    /// <summary>Reads a schedule that was checked before.</summary>
    /// <param name="cron">Five fields; six, with seconds first, where the code itself says so.</param>
    /// <param name="timeZone">An IANA name.</param>
    /// <exception cref="FormatException">It is none.</exception>
    public static CronSchedule Parse(string cron, string timeZone) =>
        new(
            CronExpression.Parse(cron, FieldsOf(cron) == Fields ? CronFormat.Unix : CronFormat.Quartz).WithTimeZone(TimeZoneInfo.FindSystemTimeZoneById(timeZone)),
            cron == ScheduleWords.OnRequest);

    /// <summary>What is wrong with a cron expression; null if nothing is.</summary>
    /// <param name="cron">What was given.</param>
    /// <param name="now">Now.</param>
    public static string? Problem(string? cron, DateTimeOffset now)
    {
        const string Expected = "Expected five fields: minute, hour, day of the month, month, day of the week (0 or SUN is Sunday). '30 3 * * *' is every day at 03:30.";
        if (string.IsNullOrWhiteSpace(cron))
        {
            return $"It must not be empty. {Expected}";
        }

        if (FieldsOf(cron) is var fields && fields != Fields)
        {
            return $"'{cron}' has {fields} {(fields == 1 ? "field" : "fields")}. {Expected}";
        }

        try
        {
            var next = CronExpression.Parse(cron, CronFormat.Unix).GetNextValidTimeAfter(now);
            return next is null || next > now + Foreseeable ? $"'{cron}' never comes: there is no such day. {Expected}" : null;
        }
        catch (FormatException fault)
        {
            return $"'{cron}' cannot be read: {fault.Message.TrimEnd('.')}. {Expected}";
        }
    }

    /// <summary>What is wrong with the name of a time zone; null if nothing is.</summary>
    public static string? ZoneProblem(string? timeZone) =>
        string.IsNullOrWhiteSpace(timeZone) || !TimeZoneInfo.TryFindSystemTimeZoneById(timeZone, out _)
            ? $"'{timeZone}' is not a time zone that this host knows. Expected an IANA name: Europe/Berlin, America/New_York, UTC."
            : null;

    /// <summary>The first slot after a moment; null if none comes.</summary>
    public DateTimeOffset? NextAfter(DateTimeOffset moment) => _isOnRequest ? null : _expression.GetNextValidTimeAfter(moment)?.ToUniversalTime();

    /// <summary>The next slots.</summary>
    public IReadOnlyList<DateTimeOffset> Next(DateTimeOffset after, int count)
    {
        var slots = new List<DateTimeOffset>(count);
        for (var slot = NextAfter(after); slot is { } at && slots.Count < count; slot = NextAfter(at))
        {
            slots.Add(at);
        }

        return slots;
    }

    /// <summary>The slots after one moment and up to another, oldest first.</summary>
    public IReadOnlyList<DateTimeOffset> Between(DateTimeOffset after, DateTimeOffset through)
    {
        var slots = new List<DateTimeOffset>();
        for (var slot = NextAfter(after); slot is { } at && at <= through; slot = NextAfter(at))
        {
            slots.Add(at);
        }

        return slots;
    }

    /// <summary>In words.</summary>
    public static string Words(string cron) => ScheduleWords.Of(cron);

    private static int FieldsOf(string cron) => cron.Split(' ', StringSplitOptions.RemoveEmptyEntries).Length;
}
