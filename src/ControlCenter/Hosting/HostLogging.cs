using Microsoft.Extensions.Logging.Console;

namespace ControlCenter.Hosting;

/// <summary>One line an entry on the console, for people or for machines.</summary>
internal static class HostLogging
{
    public static void Configure(ILoggingBuilder logging, HostSettings settings)
    {
        logging.ClearProviders();
        logging.SetMinimumLevel(settings.LogLevel);

        // The framework's own chatter is of use only to somebody who asks for detail.
        var framework = settings.LogLevel <= LogLevel.Debug ? settings.LogLevel : (LogLevel)Math.Max((int)LogLevel.Warning, (int)settings.LogLevel);
        logging.AddFilter("Microsoft", framework);
        logging.AddFilter("System", framework);
        logging.AddFilter("Npgsql", framework);
        if (settings.JsonLog)
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
