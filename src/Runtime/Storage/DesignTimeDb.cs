#if MIGRATIONS_TOOL
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Design;

namespace ControlCenter.Runtime.Storage;

/// <summary>Gives the migrations' tool a model to compare; it never connects.</summary>
public sealed class DesignTimeDb : IDesignTimeDbContextFactory<ControlCenterDb>
{
    /// <inheritdoc />
    public ControlCenterDb CreateDbContext(string[] args) =>
        new(new DbContextOptionsBuilder<ControlCenterDb>().UseNpgsql("Host=design-time").Options);

    private static void Main()
    {
    }
}
#endif
