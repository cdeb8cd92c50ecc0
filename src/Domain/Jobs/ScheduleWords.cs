using System.Globalization;

namespace ControlCenter.Domain.Jobs;

/// <summary>A schedule in words: the usual forms; any other is told by its cron expression.</summary>
public static class ScheduleWords
{
    /// <summary>A time that never comes (February the 30th): the schedule of a job that runs only when somebody asks for it.</summary>
    public const string OnRequest = "0 0 30 2 *";

    private static readonly string[] Days = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

    /// <summary>What a cron expression of five fields means.</summary>
    public static string Of(string cron)
    {
        var fields = cron.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return fields switch
        {
            _ when cron == OnRequest => "only when it is asked for",
            ["*", "*", "*", "*", "*"] => "every minute",
            [var minute, "*", "*", "*", "*"] when Step(minute) is { } step => $"every {step} minutes",
            [var minute, "*", "*", "*", "*"] when Number(minute, 59) is { } m => m == 0 ? "every hour" : $"every hour at {m} past",
            [var minute, var hour, "*", "*", "*"] when Number(minute, 59) is { } m && Step(hour) is { } step => $"every {step} hours{(m == 0 ? "" : $" at {m} past")}",
            [var minute, var hour, "*", "*", "*"] when Time(minute, hour) is { } time => $"every day at {time}",
            [var minute, var hour, "*", "*", "1-5"] when Time(minute, hour) is { } time => $"Monday to Friday at {time}",
            [var minute, var hour, "*", "*", var day] when Time(minute, hour) is { } time && Weekday(day) is { } name => $"every {name} at {time}",
            [var minute, var hour, var day, "*", "*"] when Time(minute, hour) is { } time && Number(day, 31) is { } d && d > 0 => $"on the {Ordinal(d)} of every month at {time}",
            _ => $"by {cron}",
        };
    }

    private static string? Time(string minute, string hour) =>
        Number(minute, 59) is { } m && Number(hour, 23) is { } h ? string.Create(CultureInfo.InvariantCulture, $"{h:00}:{m:00}") : null;

    private static int? Number(string field, int most) =>
        int.TryParse(field, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number <= most ? number : null;

    private static int? Step(string field) =>
        field.StartsWith("*/", StringComparison.Ordinal) && Number(field[2..], 59) is { } step && step > 1 ? step : null;

    private static string? Weekday(string field) =>
        Number(field, 7) is { } day ? Days[day] : Days.FirstOrDefault(d => d[..3].Equals(field, StringComparison.OrdinalIgnoreCase));

    private static string Ordinal(int day) => (day % 10, day is >= 11 and <= 13) switch
    {
        (1, false) => $"{day}st",
        (2, false) => $"{day}nd",
        (3, false) => $"{day}rd",
        _ => $"{day}th",
    };
}
