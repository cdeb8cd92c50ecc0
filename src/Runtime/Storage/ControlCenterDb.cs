using ControlCenter.Domain.Access;
using ControlCenter.Domain.Agents;
using ControlCenter.Domain.Escalations;
using ControlCenter.Domain.Events;
using ControlCenter.Domain.Work;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Conventions;

namespace ControlCenter.Runtime.Storage;

/// <summary>The database as EF Core sees it: entities for queries and for the migrations' tool. Hot paths speak SQL to the same tables.</summary>
public sealed class ControlCenterDb(DbContextOptions<ControlCenterDb> options) : DbContext(options)
{
    /// <summary>Who can call the bus.</summary>
    public DbSet<Actor> Actors => Set<Actor>();

    /// <summary>Their keys.</summary>
    public DbSet<ApiKey> ApiKeys => Set<ApiKey>();

    /// <summary>The security audit.</summary>
    public DbSet<AuditEntry> AuditEntries => Set<AuditEntry>();

    /// <summary>Registered agents.</summary>
    public DbSet<Agent> Agents => Set<Agent>();

    /// <summary>Commands to agents.</summary>
    public DbSet<Intervention> Interventions => Set<Intervention>();

    /// <summary>Tickets.</summary>
    public DbSet<Ticket> Tickets => Set<Ticket>();

    /// <summary>Tasks.</summary>
    public DbSet<WorkTask> Tasks => Set<WorkTask>();

    /// <summary>Which task waits for which.</summary>
    public DbSet<TaskDependency> TaskDependencies => Set<TaskDependency>();

    /// <summary>The sets of capabilities that tasks require.</summary>
    public DbSet<CapabilitySet> CapabilitySets => Set<CapabilitySet>();

    /// <summary>Leases, held and ended.</summary>
    public DbSet<Lease> Leases => Set<Lease>();

    /// <summary>Checkpoints.</summary>
    public DbSet<Checkpoint> Checkpoints => Set<Checkpoint>();

    /// <summary>What humans are asked.</summary>
    public DbSet<Escalation> Escalations => Set<Escalation>();

    /// <summary>What they answered.</summary>
    public DbSet<Decision> Decisions => Set<Decision>();

    /// <summary>The event log.</summary>
    public DbSet<EventRecord> Events => Set<EventRecord>();

    /// <inheritdoc />
    protected override void ConfigureConventions(ModelConfigurationBuilder configurationBuilder) =>
        // An index costs every write; each one here is named after the query that needs it.
        configurationBuilder.Conventions.Remove<ForeignKeyIndexConvention>();

    /// <inheritdoc />
    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        modelBuilder.ApplyConfigurationsFromAssembly(typeof(ControlCenterDb).Assembly);
        modelBuilder.UseSnakeCaseNames();
    }
}
