using Microsoft.Extensions.Hosting;

namespace ControlCenter.Runtime.Hosting;

/// <summary>Has the host end cleanly and start again in its own process, on what is then in its data folder.</summary>
public sealed class HostRestart(IServiceProvider services)
{
    /// <summary>Whether somebody has asked for it.</summary>
    public bool IsRequested { get; private set; }

    /// <summary>Asks for it: requests under way are answered first.</summary>
    public void Request()
    {
        IsRequested = true;
        (services.GetService(typeof(IHostApplicationLifetime)) as IHostApplicationLifetime)?.StopApplication();
    }
}
