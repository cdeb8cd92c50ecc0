using Microsoft.Extensions.Logging.Console;

namespace ControlCenter.Hosting;

/// <summary>One line an entry on the console, for people or for machines.</summary>
internal static class HostLogging
{
    public static void Configure(ILoggingBuilder logging, HostSettings settings) => Configure(logging, (settings.LogLevel, settings.JsonLog));

    public static void Configure(ILoggingBuilder logging, (LogLevel Level, bool Json) settings)
    {
        logging.ClearProviders();
        logging.SetMinimumLevel(settings.Level);

        // The framework's own chatter is of use only to somebody who asks for detail.
        var framework = settings.Level <= LogLevel.Debug ? settings.Level : (LogLevel)Math.Max((int)LogLevel.Warning, (int)settings.Level);
        logging.AddFilter("Microsoft", framework);
        logging.AddFilter("System", framework);
        logging.AddFilter("Npgsql", framework);

        // Looking for the migrations' table before there is one is no error, and whoever runs a command hears of its failure.
        logging.AddFilter("Microsoft.EntityFrameworkCore.Database.Command", settings.Level <= LogLevel.Debug ? settings.Level : LogLevel.None);

        // The keys of sessions are protected by their folder's mode.
        logging.AddFilter("Microsoft.AspNetCore.DataProtection", (LogLevel)Math.Max((int)LogLevel.Error, (int)settings.Level));
        if (settings.Json)
        {
            logging.AddJsonConsole(options => (options.UseUtcTimestamp, options.TimestampFormat, options.IncludeScopes) = (true, "O", true));
        }
        else
        {
            logging.AddSimpleConsole(options =>
                (options.SingleLine, options.UseUtcTimestamp, options.TimestampFormat, options.ColorBehavior) =
                (true, true, "HH:mm:ss.fff ", LoggerColorBehavior.Default));
        }
    }
}
