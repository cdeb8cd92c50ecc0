using ControlCenter.Domain.Access;
using ControlCenter.Domain.Agents;
using ControlCenter.Runtime.Storage;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace ControlCenter.Runtime.Agents;

/// <summary>Agents.</summary>
public sealed class AgentTable : IEntityTypeConfiguration<Agent>
{
    /// <inheritdoc />
    public void Configure(EntityTypeBuilder<Agent> builder)
    {
        builder.ToTable("agents", t =>
        {
            t.HasWireNameCheck<AgentActivity>("activity");
            t.HasWireNameCheck<Liveness>("liveness");
        });
        builder.HasKey(a => a.Id);
        builder.Property(a => a.Id).ValueGeneratedNever();
        builder.Property(a => a.Activity).HasWireName();
        builder.Property(a => a.Liveness).HasWireName();
        builder.Property(a => a.CreatedAt).HasDefaultValueSql("clock_timestamp()");
        builder.HasIndex(a => a.Name).IsUnique().HasDatabaseName("agents_by_name");
        builder.HasIndex(a => new { a.CreatedAt, a.Id }).HasDatabaseName("agents_by_age");
        builder.HasOne<Actor>().WithOne().HasForeignKey<Agent>(a => a.Id).OnDelete(DeleteBehavior.Restrict);
    }
}

/// <summary>Interventions.</summary>
public sealed class InterventionTable : IEntityTypeConfiguration<Intervention>
{
    /// <inheritdoc />
    public void Configure(EntityTypeBuilder<Intervention> builder)
    {
        builder.ToTable("interventions", t => t.HasWireNameCheck<InterventionKind>("kind"));
        builder.HasKey(i => i.Id);
        builder.Property(i => i.Id).ValueGeneratedNever();
        builder.Property(i => i.Kind).HasWireName();
        builder.Property(i => i.RequestedAt).HasDefaultValueSql("clock_timestamp()");
        builder.HasIndex(i => new { i.AgentId, i.RequestedAt }).HasDatabaseName("interventions_by_agent");
        builder.HasIndex(i => i.AgentId).HasDatabaseName("interventions_to_deliver").HasFilter("acknowledged_at is null");
        builder.HasOne<Agent>().WithMany().HasForeignKey(i => i.AgentId).OnDelete(DeleteBehavior.Restrict);
        builder.HasOne<Actor>().WithMany().HasForeignKey(i => i.RequestedBy).OnDelete(DeleteBehavior.Restrict);
    }
}
